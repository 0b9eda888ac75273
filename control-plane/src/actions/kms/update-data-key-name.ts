/** UpdateDataKeyName. A data key may be given the name it has. */

import { kmsActions } from "@edge-kms/protocol";
import { requireDataKeys, toNameError } from "../../data-keys/change.ts";
import { nextDataKeyState } from "../../data-keys/states.ts";
import { updateDataKey } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const updateDataKeyName = controlAction(kmsActions.UpdateDataKeyName, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    try {
      await call.change(async (tx) => {
        for (const row of await requireDataKeys(tx, call, [input.DataKeyId])) {
          nextDataKeyState(row, "rename");
          await updateDataKey(tx, row, { name: input.DataKeyName });
        }
      });
    } catch (error) {
      throw toNameError(error);
    }
    return {};
  },
});
