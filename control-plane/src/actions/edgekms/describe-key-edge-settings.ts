/** DescribeKeyEdgeSettings. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { findKey } from "../../db/queries/keys.ts";
import { leaseLimitsOf } from "../../keys/lease-permission.ts";
import { controlAction } from "../action.ts";

export const describeKeyEdgeSettings = controlAction(edgekmsActions.DescribeKeyEdgeSettings, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    const { database, keyLimits } = call.services;
    const key = await database.read((db) => findKey(db, call.scope, input.KeyId));
    if (key === null) throw new ApiError("ResourceUnavailable.CmkNotFound");
    const { refreshAfterMs, expiresAfterMs } = leaseLimitsOf(key, keyLimits);
    return {
      EdgeMode: key.edgeMode,
      LeaseRefreshSeconds: Math.floor(refreshAfterMs / 1000),
      LeaseExpirySeconds: Math.floor(expiresAfterMs / 1000),
      IsDefault: key.leaseExpiresAfterMs === null && key.leaseRefreshAfterMs === null,
    };
  },
});
