/** DescribeDataKey. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { dataKeyMetadata } from "../../data-keys/metadata.ts";
import { findDataKey } from "../../db/queries/data-keys.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount } from "./find.ts";

export const describeDataKey = controlAction(kmsActions.DescribeDataKey, {
  keyIds: (input) => [input.DataKeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { database } = call.services;
    const row = await database.read((db) => findDataKey(db, call.scope, input.DataKeyId));
    if (row === null) throw new ApiError("ResourceUnavailable.DataKeyNotFound");
    return { DataKeyMetadata: dataKeyMetadata(row, call.principal) };
  },
});
