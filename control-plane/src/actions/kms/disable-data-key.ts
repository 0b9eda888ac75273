/** DisableDataKey. Repeating it succeeds and changes nothing. Edges ask for each reading, so it takes effect at once. */

import { kmsActions } from "@edge-kms/protocol";
import { changeDataKeys } from "../../data-keys/change.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const disableDataKey = controlAction(kmsActions.DisableDataKey, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await changeDataKeys(call, [input.DataKeyId], "disable");
    return {};
  },
});
