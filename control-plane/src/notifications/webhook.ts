/**
 * The generic webhook: JSON, signed as the Standard Webhooks specification 1.0 says for Ed25519 (`v1a`): over
 * `<id>.<timestamp>.<body>`, with the public half as `whpk_<base64>`. No secret is shared with a receiver, so none is stored.
 */

import { type KeyObject, sign } from "node:crypto";
import type { NotificationBody } from "./message.ts";
import { DeliveryError, type Receivers } from "./receiver.ts";

export interface WebhookKey {
  readonly privateKey: KeyObject;
}

/** @throws DeliveryError unless the receiver answers with a 2xx status. */
export async function postWebhook(
  receivers: Receivers,
  key: WebhookKey,
  url: URL,
  id: string,
  body: NotificationBody,
  nowMs: number,
): Promise<void> {
  const text = JSON.stringify(body);
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = sign(null, Buffer.from(`${id}.${timestamp}.${text}`), key.privateKey);
  const { status } = await receivers.post(
    url,
    {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1a,${signature.toString("base64")}`,
    },
    text,
  );
  if (status >= 200 && status < 300) return;
  // 410 Gone: the specification's word for "do not send again".
  throw new DeliveryError(`HTTP ${status}`, { mayRetry: status !== 410 });
}
