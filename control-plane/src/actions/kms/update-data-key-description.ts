/** UpdateDataKeyDescription. */

import { kmsActions } from "@edge-kms/protocol";
import { requireDataKeys } from "../../data-keys/change.ts";
import { nextDataKeyState } from "../../data-keys/states.ts";
import { updateDataKey } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const updateDataKeyDescription = controlAction(kmsActions.UpdateDataKeyDescription, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await call.change(async (tx) => {
      for (const row of await requireDataKeys(tx, call, [input.DataKeyId])) {
        nextDataKeyState(row, "rename");
        await updateDataKey(tx, row, { description: input.Description });
      }
    });
    return {};
  },
});
