/** RestoreAccessKey. Repeating it succeeds and changes nothing. */

import { edgekmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeAccessKey } from "./change-access-key.ts";

export const restoreAccessKey = controlAction(edgekmsActions.RestoreAccessKey, {
  isRegionless: true,
  async act(call, input) {
    await changeAccessKey(call, input.SecretId, "Active");
    return {};
  },
});
