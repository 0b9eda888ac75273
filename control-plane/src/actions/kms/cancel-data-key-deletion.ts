/** CancelDataKeyDeletion. The data key counts against the quota again, so there must be room (contract: DataKeyLimitExceeded). */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { requireDataKeys } from "../../data-keys/change.ts";
import { nextDataKeyState, requireUsableKey } from "../../data-keys/states.ts";
import { countDataKeys, lockDataKeyQuota, updateDataKey } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const cancelDataKeyDeletion = controlAction(kmsActions.CancelDataKeyDeletion, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await call.change(async (tx) => {
      await lockDataKeyQuota(tx, call.scope);
      for (const row of await requireDataKeys(tx, call, [input.DataKeyId])) {
        const state = nextDataKeyState(row, "cancelDeletion");
        requireUsableKey(row, call.nowMs);
        if ((await countDataKeys(tx, call.scope)) >= call.services.dataKeyQuota) {
          throw new ApiError("LimitExceeded.DataKeyLimitExceeded");
        }
        await updateDataKey(tx, row, { state, deletionAtMs: null });
      }
    });
    return { DataKeyId: input.DataKeyId };
  },
});
