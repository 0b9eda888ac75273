/** EnableDataKeys. All of the data keys or none. */

import { kmsActions } from "@edge-kms/protocol";
import { changeDataKeys } from "../../data-keys/change.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const enableDataKeys = controlAction(kmsActions.EnableDataKeys, {
  keyIds: (input) => input.DataKeyIds,
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await changeDataKeys(call, input.DataKeyIds, "enable");
    return {};
  },
});
