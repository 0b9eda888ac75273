/** DisableDataKeys. All of the data keys or none. */

import { kmsActions } from "@edge-kms/protocol";
import { changeDataKeys } from "../../data-keys/change.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const disableDataKeys = controlAction(kmsActions.DisableDataKeys, {
  keyIds: (input) => input.DataKeyIds,
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await changeDataKeys(call, input.DataKeyIds, "disable");
    return {};
  },
});
