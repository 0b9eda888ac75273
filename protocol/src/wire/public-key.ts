/** Public keys of asymmetric CMKs for edges, which answer GetPublicKey and verify signatures by themselves. */

import * as v from "valibot";
import { accountId, keyId, region, wireError } from "./fields.ts";
import { requestOrigin } from "./lease.ts";
import { signedMessageSchema } from "./signed-message.ts";

/** Payload of `edge-kms/public-key-read/1`, signed by the enrolled edge key. */
export const publicKeyRequest = v.strictObject({
  ...requestOrigin,
  account: accountId,
  region,
  keyId,
});
export type PublicKeyRequest = v.InferOutput<typeof publicKeyRequest>;

/** `POST /edge/v1/public-keys`: what the bridge signed when it made the pair, if the key may be used now. */
export const publicKeyResponse = v.union([
  v.strictObject({
    statement: signedMessageSchema,
    /** How long the edge may go by the answer: as long as a lease of the key would last. */
    expiresAfterMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  v.strictObject({ error: wireError }),
]);
export type PublicKeyResponse = v.InferOutput<typeof publicKeyResponse>;
