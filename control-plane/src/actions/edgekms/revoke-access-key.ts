/** RevokeAccessKey. Not of the key that signs the call: whoever did that could not take it back. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { controlAction } from "../action.ts";
import { changeAccessKey } from "./change-access-key.ts";

export const revokeAccessKey = controlAction(edgekmsActions.RevokeAccessKey, {
  isRegionless: true,
  async act(call, input) {
    if (input.SecretId === call.secretId) {
      throw new ApiError("UnsupportedOperation", {
        message: "An access key cannot revoke itself: sign the call with another one.",
      });
    }
    await changeAccessKey(call, input.SecretId, "Inactive");
    return {};
  },
});
