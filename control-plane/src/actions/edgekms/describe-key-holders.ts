/** DescribeKeyHolders. `db/queries/edge-leases.ts` says what it means to hold a lease now. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { listHolders } from "../../db/queries/edge-leases.ts";
import { edgesRevokedForKey } from "../../db/queries/edge-revocations.ts";
import { findKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { seconds } from "./find.ts";

export const describeKeyHolders = controlAction(edgekmsActions.DescribeKeyHolders, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    const { services, scope, nowMs } = call;
    const { database } = services;
    const key = await database.read((db) => findKey(db, scope, input.KeyId));
    if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    const page = { offset: input.Offset, limit: input.Limit };
    const { holders, total } = await database.read((db) =>
      listHolders(db, scope, key.keyId, nowMs, page),
    );
    const revoked = await database.read((db) => edgesRevokedForKey(db, key.keyId));
    return {
      TotalCount: total,
      Holders: holders.map((holder) => ({
        EdgeId: holder.edge,
        InstanceId: holder.instance,
        Connected: holder.isConnected,
        Version: holder.version,
        BranchId: holder.branch,
        GrantedTime: seconds(holder.grantedAtMs),
        ExpireTime: Math.ceil(holder.expiresAtMs / 1000),
      })),
      RevokedAt: revoked.map(({ edge, revokedAtMs }) => ({
        EdgeId: edge,
        RevokedTime: seconds(revokedAtMs),
      })),
    };
  },
});
