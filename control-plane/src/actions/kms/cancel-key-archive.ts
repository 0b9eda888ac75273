/** CancelKeyArchive: the key is Enabled again, also when it was archived while Disabled. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeState } from "./change-state.ts";

export const cancelKeyArchive = controlAction(kmsActions.CancelKeyArchive, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await changeState(
      call,
      { keyIds: [input.KeyId], member: input.MemberAccount },
      "cancelArchive",
    );
    return {};
  },
});
