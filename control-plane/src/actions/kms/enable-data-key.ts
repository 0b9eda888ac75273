/** EnableDataKey. Repeating it succeeds and changes nothing. */

import { kmsActions } from "@edge-kms/protocol";
import { changeDataKeys } from "../../data-keys/change.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const enableDataKey = controlAction(kmsActions.EnableDataKey, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await changeDataKeys(call, [input.DataKeyId], "enable");
    return {};
  },
});
