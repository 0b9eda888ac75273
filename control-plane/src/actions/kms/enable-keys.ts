/** EnableKeys: all of the keys or none. Repeating it succeeds and changes nothing. */

import { kmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeState } from "./change-state.ts";

export const enableKeys = controlAction(kmsActions.EnableKeys, {
  keyIds: (input) => input.KeyIds,
  async act(call, input) {
    await changeState(call, { keyIds: input.KeyIds, member: input.MemberAccount }, "enable");
    return {};
  },
});
