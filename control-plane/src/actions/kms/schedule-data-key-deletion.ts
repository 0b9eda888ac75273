/** ScheduleDataKeyDeletion. What is deleted is a ciphertext, so the date is the database's own. */

import { kmsActions } from "@edge-kms/protocol";
import { requireDataKeys } from "../../data-keys/change.ts";
import { nextDataKeyState } from "../../data-keys/states.ts";
import { updateDataKey } from "../../db/queries/data-keys.ts";
import { dayMs, unixSeconds } from "../../keys/metadata.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const scheduleDataKeyDeletion = controlAction(kmsActions.ScheduleDataKeyDeletion, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const deletionAtMs = call.nowMs + input.PendingWindowInDays * dayMs;
    await call.change(async (tx) => {
      for (const row of await requireDataKeys(tx, call, [input.DataKeyId])) {
        const state = nextDataKeyState(row, "scheduleDeletion");
        await updateDataKey(tx, row, { state, deletionAtMs });
      }
    });
    return { DeletionDate: unixSeconds(deletionAtMs), DataKeyId: input.DataKeyId };
  },
});
