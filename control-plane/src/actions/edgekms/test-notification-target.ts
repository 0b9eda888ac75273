/** TestNotificationTarget. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { insertTest } from "../../db/queries/notifications.ts";
import { controlAction } from "../action.ts";

export const testNotificationTarget = controlAction(edgekmsActions.TestNotificationTarget, {
  isRegionless: true,
  async act(call, input) {
    await call.change(async (tx) => {
      const target = { account: call.principal.account, targetId: input.TargetId };
      if (!(await insertTest(tx, target, call.nowMs))) throw new ApiError("ResourceNotFound");
    });
    return {};
  },
});
