/** DescribeNotificationTargets. */

import { edgekmsActions } from "@edge-kms/protocol";
import { listTargets } from "../../db/queries/notifications.ts";
import { controlAction } from "../action.ts";

export const describeNotificationTargets = controlAction(
  edgekmsActions.DescribeNotificationTargets,
  {
    isRegionless: true,
    async act(call) {
      const { database, notifications } = call.services;
      const targets = await database.read((db) => listTargets(db, call.principal.account));
      return {
        WebhookPublicKey: `whpk_${notifications.webhookPublicKey}`,
        Targets: targets.map(({ targetId, kind, address, createdAtMs, last }) => ({
          TargetId: targetId,
          Kind: kind,
          // A robot's key in its URL is all that it takes to post there.
          Address: kind === "wecom" ? withoutQuery(address) : address,
          CreateTime: Math.floor(createdAtMs / 1000),
          LastState: last?.state ?? "",
          LastResult: last?.result ?? "",
          LastTime: Math.floor((last?.timeMs ?? 0) / 1000),
        })),
      };
    },
  },
);

function withoutQuery(address: string): string {
  const url = new URL(address);
  if (url.search !== "") url.search = "?…";
  return decodeURI(url.href);
}
