/** DescribeKeyUsage. `audit/usage.ts` says what is counted. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { findLastUse, listBranchUsage } from "../../db/queries/key-usage.ts";
import { findKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { seconds } from "./find.ts";

export const describeKeyUsage = controlAction(edgekmsActions.DescribeKeyUsage, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    const { database } = call.services;
    const key = await database.read((db) => findKey(db, call.scope, input.KeyId));
    if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    const page = { offset: input.Offset, limit: input.Limit };
    const lastUsedAtMs = await database.read((db) => findLastUse(db, key.keyId));
    const { branches, total, messagesEncrypted } = await database.read((db) =>
      listBranchUsage(db, key.keyId, page),
    );
    return {
      LastUsedTime: seconds(lastUsedAtMs ?? 0),
      MessagesEncrypted: messagesEncrypted,
      TotalCount: total,
      Branches: branches.map((branch) => ({
        Version: branch.version,
        BranchId: branch.branch,
        MessagesEncrypted: branch.messagesEncrypted,
        LastUsedTime: seconds(branch.lastUsedAtMs),
      })),
    };
  },
});
