/** GetKeyRotationStatus. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { findKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const getKeyRotationStatus = controlAction(kmsActions.GetKeyRotationStatus, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const key = await call.services.database.read((db) => findKey(db, call.scope, input.KeyId));
    if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    return { KeyRotationEnabled: key.rotationEnabled };
  },
});
