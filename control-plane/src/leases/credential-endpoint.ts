/** `POST /edge/v1/credentials`: find whose access key it is, let the bridge judge the signature and grant. */

import {
  type CredentialResponse,
  credentialRequest,
  type ErrorCode,
  type LeaseLimits,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { BridgeError } from "../bridge/errors.ts";
import { findAccessKey } from "../db/queries/access-keys.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge } from "../edges/authenticate.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";
import type { LeaseServices } from "./lease-endpoint.ts";

export interface CredentialServices extends LeaseServices {
  readonly credentialLimits: LeaseLimits;
}

const refuse = (code: ErrorCode): EdgeAnswer => {
  const body: CredentialResponse = { error: { code } };
  return { status: 200, body };
};

/** @param input parsed JSON of the request's body. */
export async function grantCredential(
  services: CredentialServices,
  input: unknown,
): Promise<EdgeAnswer> {
  const { credentialRequest: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, credentialRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  if (request.edge.isFrozen) return refusedEdge("frozen");

  const { secretId } = request.payload.proof;
  const key = await services.database.read((db) => findAccessKey(db, secretId));
  // An edge has no business with accounts it is not enrolled for: to it their access keys do not exist.
  if (key?.isActive !== true || !request.edge.accounts.has(key.principal.account)) {
    return refuse("AuthFailure.SecretIdNotFound");
  }
  try {
    const { grant } = await services.bridge.call("leaseCredential", {
      request: request.raw,
      principal: key.principal,
      sealed: key.sealed,
      epoch: key.epoch,
      limits: services.credentialLimits,
    });
    const body: CredentialResponse = { grant };
    return { status: 200, body };
  } catch (error) {
    if (error instanceof BridgeError && error.code === "bad-signature") {
      return refuse("AuthFailure.SignatureFailure");
    }
    return translateBridgeRefusal(error, services.raiseEpochs);
  }
}
