/** `POST /edge/v1/credentials`: find whose access key it is, let the bridge judge the signature and grant. */

import {
  type CredentialResponse,
  credentialRequest,
  type ErrorCode,
  type LeaseLimits,
  type SignedMessage,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { BridgeError } from "../bridge/errors.ts";
import { findAccessKey } from "../db/queries/access-keys.ts";
import { type EdgeAnswer, refusedEdge, unavailable } from "../edges/answers.ts";
import { authenticateEdge } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";
import { readBudget } from "./granted.ts";
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
  if (request.edge.isFrozen) return refuse("UnauthorizedOperation");

  const { edge, raw, payload } = request;
  services.presence.heard(edge.edge, payload.instance);
  const grant = () => findAndGrant(services, edge, raw, payload.proof.secretId);
  try {
    return await grant().catch(async (error: unknown) => {
      // The database was behind the bridge. Nothing was granted, so the bridge may be asked again.
      if (!(error instanceof BridgeError) || error.code !== "stale-epoch") throw error;
      await services.raiseEpochs();
      return grant();
    });
  } catch (error) {
    if (error instanceof BridgeError && error.code === "bad-signature") {
      return refuse("AuthFailure.SignatureFailure");
    }
    // What an operator froze is told alike at both doors, and is no reason to try again.
    if (error instanceof BridgeError && error.code === "frozen") {
      return refuse("UnauthorizedOperation");
    }
    return translateBridgeRefusal(error);
  }
}

async function findAndGrant(
  { database, bridge, credentialLimits, ledger }: CredentialServices,
  edge: Edge,
  request: SignedMessage,
  secretId: string,
): Promise<EdgeAnswer> {
  const key = await database.read((db) => findAccessKey(db, secretId, edge.edge));
  // An edge has no business with accounts it is not enrolled for: to it their access keys do not exist.
  if (key?.isActive !== true || !edge.accounts.has(key.principal.account)) {
    return refuse("AuthFailure.SecretIdNotFound");
  }
  if (key.isEdgeRevoked) return refuse("UnauthorizedOperation");
  const { grant } = await bridge.call("leaseCredential", {
    request,
    principal: key.principal,
    sealed: key.sealed,
    epoch: key.epoch,
    limits: credentialLimits,
  });
  const budget = readBudget(grant);
  if (budget === null) return unavailable("bridge: a grant of unknown form");
  await ledger.recordBudget(budget);
  const body: CredentialResponse = { grant };
  return { status: 200, body };
}
