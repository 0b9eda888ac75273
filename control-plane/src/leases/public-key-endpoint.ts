/** `POST /edge/v1/public-keys`: passes on what the bridge has signed of a public key, if the key may be used now. */

import {
  type LeaseLimits,
  type PublicKeyResponse,
  publicKeyRequest,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Database } from "../db/index.ts";
import { findKeysWithEpochs } from "../db/queries/keys.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import { leaseLimitsOf } from "../keys/lease-permission.ts";
import { permitPair } from "../keys/pair-permission.ts";

export interface PublicKeyServices extends EdgeAuthentication {
  readonly database: Database;
  /** Of keys without limits of their own. */
  readonly keyLimits: LeaseLimits;
}

/** @param input parsed JSON of the request's body. */
export async function passOnPublicKey(
  services: PublicKeyServices,
  input: unknown,
): Promise<EdgeAnswer> {
  const { publicKeyRead: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, publicKeyRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  const { edge, payload } = request;
  if (edge.isFrozen) return refusedEdge("frozen");
  const [found = null] = await services.database.read((db) =>
    findKeysWithEpochs(db, [payload.keyId], edge.edge),
  );
  const permission = permitPair(edge, payload, found);
  const body: PublicKeyResponse = permission.ok
    ? {
        statement: JSON.parse(permission.key.publicKeyStatement ?? "null"),
        expiresAfterMs: leaseLimitsOf(permission.key, services.keyLimits).expiresAfterMs,
      }
    : { error: { code: permission.error } };
  return { status: 200, body };
}
