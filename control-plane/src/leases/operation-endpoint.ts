/**
 * `POST /edge/v1/operations`: authorise as for a lease, let the bridge do the work. What it is done with is sealed to the
 * bridge, and what comes of it to the edge: neither can be read here.
 */

import {
  type ErrorCode,
  isPairOperation,
  type Operation,
  type OperationResponse,
  operationRequest,
  type SignedMessage,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { BridgeError, leaseErrorCode } from "../bridge/errors.ts";
import { findKeysWithEpochs } from "../db/queries/keys.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import { permitUse } from "../keys/lease-permission.ts";
import { permitPairOperation } from "../keys/pair-permission.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";
import type { LeaseServices } from "./lease-endpoint.ts";

const refuse = (code: ErrorCode): EdgeAnswer => {
  const body: OperationResponse = { error: { code } };
  return { status: 200, body };
};

/** @param input parsed JSON of the request's body. */
export async function performOperation(
  services: LeaseServices,
  input: unknown,
): Promise<EdgeAnswer> {
  const { operationRequest: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, operationRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  if (request.edge.isFrozen) return refusedEdge("frozen");
  const { edge, raw, payload } = request;
  services.presence.heard(edge.edge, payload.instance);
  const perform = () => authoriseAndPerform(services, edge, raw, payload.operation);
  try {
    return await perform().catch(async (error: unknown) => {
      // The database was behind the bridge. Nothing was done, so the bridge may be asked again.
      if (!(error instanceof BridgeError) || error.code !== "stale-epoch") throw error;
      await services.raiseEpochs();
      return perform();
    });
  } catch (error) {
    return answerOf(error, payload.operation);
  }
}

async function authoriseAndPerform(
  { database, bridge, keyLimits, clock }: LeaseServices,
  edge: Edge,
  request: SignedMessage,
  wanted: Operation,
): Promise<EdgeAnswer> {
  const [found = null] = await database.read((db) =>
    findKeysWithEpochs(db, [wanted.keyId], edge.edge),
  );
  const permission = isPairOperation(wanted)
    ? permitPairOperation(edge, wanted, found)
    : permitUse(edge, wanted, found, keyLimits, clock());
  if (!permission.ok) return refuse(permission.error);
  const { epoch } = permission;
  const { maxUnacknowledged } = keyLimits;
  const { result } = await bridge.call("operate", { request, epoch, maxUnacknowledged });
  const body: OperationResponse = { result };
  return { status: 200, body };
}

/** What is wrong with the request, or with the way to the bridge, is the edge's; the rest is the caller's. @throws others. */
function answerOf(error: unknown, { purpose }: Operation): EdgeAnswer {
  if (!(error instanceof BridgeError)) throw error;
  switch (error.code) {
    case "edge-refused":
    case "sealing-key-changed":
    case "unreachable":
    case "no-answer":
    case "malformed-answer":
      return translateBridgeRefusal(error);
    default:
      return refuse(leaseErrorCode(error.code, purpose));
  }
}
