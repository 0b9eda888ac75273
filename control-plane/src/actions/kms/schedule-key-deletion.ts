/** ScheduleKeyDeletion. The date is the bridge's, which is later than the one asked for if the bridge had it so before. */

import { kmsActions } from "@edge-kms/protocol";
import { dayMs, unixSeconds } from "../../keys/metadata.ts";
import { controlAction } from "../action.ts";
import { changeWithBridge } from "./deletion-step.ts";
import { refuseMemberAccount } from "./find.ts";

export const scheduleKeyDeletion = controlAction(kmsActions.ScheduleKeyDeletion, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { bridge } = call.services;
    const notBeforeMs = call.nowMs + input.PendingWindowInDays * dayMs;
    const deletionAtMs = await changeWithBridge(
      call,
      input.KeyId,
      "scheduleDeletion",
      async (name) =>
        (await bridge.call("scheduleDestruction", { ...name, notBeforeMs })).notBeforeMs,
    );
    return { DeletionDate: unixSeconds(deletionAtMs), KeyId: input.KeyId };
  },
});
