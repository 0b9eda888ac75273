/** CreateNotificationTarget. */

import { randomUUID } from "node:crypto";
import { ApiError, edgekmsActions } from "@edge-kms/protocol";
import * as v from "valibot";
import { countTargets, insertTarget, type TargetKind } from "../../db/queries/notifications.ts";
import { mayName } from "../../notifications/receiver.ts";
import { controlAction } from "../action.ts";
import type { ActionServices } from "../call.ts";

/** Of one account: enough for a team, too few to make us a sender of bulk messages. */
const maxTargets = 20;

export const createNotificationTarget = controlAction(edgekmsActions.CreateNotificationTarget, {
  isRegionless: true,
  async act(call, input) {
    const address = checkAddress(call.services.notifications, input.Kind, input.Address);
    const { account } = call.principal;
    const TargetId = await call.change(async (tx) => {
      if ((await countTargets(tx, account)) >= maxTargets) {
        throw new ApiError("LimitExceeded", {
          message: `An account has at most ${maxTargets} targets.`,
        });
      }
      const target = await insertTarget(tx, {
        targetId: randomUUID(),
        account,
        kind: input.Kind,
        address,
        createdAtMs: call.nowMs,
      });
      if (target === null) {
        throw new ApiError("ResourceInUse", { message: "The account has this target already." });
      }
      return target.targetId;
    });
    return { TargetId };
  },
});

const mailAddress = v.pipe(v.string(), v.email(), v.maxLength(254));

/** The address in its one form. @throws ApiError */
function checkAddress(
  { allowedHosts, hasMail }: ActionServices["notifications"],
  kind: TargetKind,
  address: string,
): string {
  if (kind === "email") {
    if (!hasMail) {
      throw new ApiError("UnsupportedOperation", { message: "No mail server is configured here." });
    }
    if (v.is(mailAddress, address)) return address;
    throw new ApiError("InvalidParameterValue", { message: "Address must be a mail address." });
  }
  if (URL.canParse(address) && mayName(new URL(address), allowedHosts)) {
    return new URL(address).href;
  }
  throw new ApiError("InvalidParameterValue", {
    message:
      "Address must be an https URL without user and fragment, at a public address unless the operator has allowed its host.",
  });
}
