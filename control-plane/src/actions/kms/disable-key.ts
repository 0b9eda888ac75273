/** DisableKey. Repeating it succeeds and changes nothing. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeState } from "./change-state.ts";

export const disableKey = controlAction(kmsActions.DisableKey, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await changeState(call, { keyIds: [input.KeyId], member: input.MemberAccount }, "disable");
    return {};
  },
});
