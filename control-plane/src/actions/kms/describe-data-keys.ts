/** DescribeDataKeys: all of the data keys, in the order asked for, or none. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { dataKeyMetadata } from "../../data-keys/metadata.ts";
import { findDataKeys } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const describeDataKeys = controlAction(kmsActions.DescribeDataKeys, {
  keyIds: (input) => input.DataKeyIds,
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { database } = call.services;
    const found = await database.read((db) => findDataKeys(db, call.scope, input.DataKeyIds));
    const byId = new Map(found.map((row) => [row.dataKeyId, row]));
    return {
      DataKeyMetadatas: input.DataKeyIds.map((id) => {
        const row = byId.get(id);
        if (row === undefined) throw new ApiError("ResourceUnavailable.DataKeyNotFound");
        return dataKeyMetadata(row, call.principal);
      }),
    };
  },
});
