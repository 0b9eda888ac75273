/**
 * AcceptUnaccounted. For an edge whose storage is lost: its records will never come, and the account has looked into it. Only
 * when nothing can be added any more. Records that do come later are taken all the same.
 */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { acceptBudget, lockBudget } from "../../db/queries/edge-instances.ts";
import { controlAction } from "../action.ts";

export const acceptUnaccounted = controlAction(edgekmsActions.AcceptUnaccounted, {
  isRegionless: true,
  async act(call, input) {
    const { account } = call.principal;
    const { EdgeId: edge, InstanceId: instance } = input;
    await call.change(async (tx) => {
      const budget = await lockBudget(tx, account, edge, instance);
      if (budget === null) {
        throw new ApiError("ResourceNotFound", {
          message: "No instance of that id had a credential of the account.",
        });
      }
      if (budget.isConnected || budget.leasesEndAtMs > call.nowMs) {
        throw new ApiError("UnsupportedOperation", {
          message: "The instance is connected, or may still hold leases.",
        });
      }
      await acceptBudget(tx, account, edge, instance, call.nowMs);
    });
    return {};
  },
});
