/** `POST /edge/v1/leases`: authorise key by key, let the bridge grant what is left. */

import {
  type LeaseLimits,
  type LeaseResponse,
  leaseRequest,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { leaseErrorCode } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import { findKeysWithEpochs } from "../db/queries/keys.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import { permitLease } from "../keys/lease-permission.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";

export interface LeaseServices extends EdgeAuthentication {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
  readonly keyLimits: LeaseLimits;
  /** Reads generation and epochs from the bridge again. */
  readonly raiseEpochs: () => Promise<void>;
}

type LeaseResult = LeaseResponse["results"][number];

/** @param input parsed JSON of the request's body. */
export async function grantLeases(services: LeaseServices, input: unknown): Promise<EdgeAnswer> {
  const { leaseRequest: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, leaseRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  if (request.edge.isFrozen) return refusedEdge("frozen");

  const wanted = request.payload.keys;
  const ids = wanted.map(({ keyId }) => keyId);
  const found = await services.database.read((db) => findKeysWithEpochs(db, ids));
  const byId = new Map(found.map((row) => [row.key.keyId, row]));
  const results = new Map<number, LeaseResult>();
  const permitted = [];
  for (const [index, key] of wanted.entries()) {
    const row = byId.get(key.keyId) ?? null;
    const permission = permitLease(request.edge, key, row, services.keyLimits);
    if (permission.ok)
      permitted.push({ index, epoch: permission.epoch, limits: permission.limits });
    else results.set(index, { error: { code: permission.error } });
  }

  if (permitted.length > 0) {
    let granted: Awaited<ReturnType<typeof askBridge>>;
    try {
      granted = await askBridge(services, request.raw, permitted);
    } catch (error) {
      return translateBridgeRefusal(error, services.raiseEpochs);
    }
    let isStale = false;
    for (const result of granted) {
      const purpose = wanted[result.index]?.purpose ?? "decrypt";
      if ("grant" in result) {
        results.set(result.index, { grant: result.grant });
        continue;
      }
      isStale ||= result.error.code === "stale-epoch";
      results.set(result.index, { error: { code: leaseErrorCode(result.error.code, purpose) } });
    }
    if (isStale) await services.raiseEpochs();
  }
  // An index the bridge has left out has no lease.
  const body: LeaseResponse = {
    results: wanted.map((_, index) => results.get(index) ?? { error: { code: "InternalError" } }),
  };
  return { status: 200, body };
}

async function askBridge(
  { bridge }: LeaseServices,
  request: Parameters<typeof bridge.call<"lease">>[1]["request"],
  permitted: Parameters<typeof bridge.call<"lease">>[1]["permitted"],
) {
  return (await bridge.call("lease", { request, permitted })).results;
}
