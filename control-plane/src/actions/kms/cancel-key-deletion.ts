/** CancelKeyDeletion: possible until the key is in fact destroyed. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeWithBridge } from "./deletion-step.ts";
import { refuseMemberAccount } from "./find.ts";

export const cancelKeyDeletion = controlAction(kmsActions.CancelKeyDeletion, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { bridge } = call.services;
    await changeWithBridge(call, input.KeyId, "cancelDeletion", async (name) => {
      await bridge.call("cancelDestruction", name);
      return null;
    });
    return { KeyId: input.KeyId };
  },
});
