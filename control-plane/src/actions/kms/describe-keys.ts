/** DescribeKeys: all of the keys, in the order asked for, or none. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { findKeys } from "../../db/queries/keys.ts";
import { keyMetadata } from "../../keys/metadata.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const describeKeys = controlAction(kmsActions.DescribeKeys, {
  keyIds: (input) => input.KeyIds,
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { database } = call.services;
    const found = await database.read((db) => findKeys(db, call.scope, input.KeyIds));
    const byId = new Map(found.map((key) => [key.keyId, key]));
    return {
      KeyMetadatas: input.KeyIds.map((keyId) => {
        const key = byId.get(keyId);
        if (key === undefined) throw new ApiError("ResourceUnavailable.CmkNotFound");
        return keyMetadata(key, call.principal);
      }),
    };
  },
});
