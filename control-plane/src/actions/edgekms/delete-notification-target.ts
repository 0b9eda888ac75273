/** DeleteNotificationTarget. */

import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import { removeTarget } from "../../db/queries/notifications.ts";
import { controlAction } from "../action.ts";

export const deleteNotificationTarget = controlAction(edgekmsActions.DeleteNotificationTarget, {
  isRegionless: true,
  async act(call, input) {
    await call.change(async (tx) => {
      const wasThere = await removeTarget(tx, call.principal.account, input.TargetId);
      if (!wasThere) throw new ApiError("ResourceNotFound");
    });
    return {};
  },
});
