/** DescribeKey. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { findKey } from "../../db/queries/keys.ts";
import { keyMetadata } from "../../keys/metadata.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const describeKey = controlAction(kmsActions.DescribeKey, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { database } = call.services;
    const key = await database.read((db) => findKey(db, call.scope, input.KeyId));
    if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    return { KeyMetadata: keyMetadata(key, call.principal) };
  },
});
