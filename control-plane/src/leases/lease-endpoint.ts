/** `POST /edge/v1/leases`: authorise key by key, let the bridge grant what is left. */

import {
  type BridgeRequest,
  type LeasedKey,
  type LeaseLimits,
  type LeaseResponse,
  leaseRequest,
  type SignedMessage,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { BridgeError, leaseErrorCode } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import type { EdgeLease } from "../db/queries/edge-leases.ts";
import { findKeysWithEpochs } from "../db/queries/keys.ts";
import { type EdgeAnswer, refusedEdge, unavailable } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import type { Presence } from "../edges/presence.ts";
import { permitUse } from "../keys/lease-permission.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";
import { type GrantLedger, readLease } from "./granted.ts";

export interface LeaseServices extends EdgeAuthentication {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
  readonly keyLimits: LeaseLimits;
  /** Reads generation and epochs from the bridge again. */
  readonly raiseEpochs: () => Promise<void>;
  readonly ledger: GrantLedger;
  readonly presence: Presence;
}

type LeaseResult = LeaseResponse["results"][number];

/** Nothing was granted, because the bridge has seen newer epochs than the database had: it may be asked again. */
class StaleEpochs extends Error {
  override readonly name = "StaleEpochs";
}

/** @param input parsed JSON of the request's body. */
export async function grantLeases(services: LeaseServices, input: unknown): Promise<EdgeAnswer> {
  const { leaseRequest: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, leaseRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  if (request.edge.isFrozen) return refusedEdge("frozen");
  const { edge, raw, payload } = request;
  services.presence.heard(edge.edge, payload.instance, payload.auditHead.seq);
  const grant = () => authoriseAndGrant(services, edge, raw, payload.keys);
  try {
    const results = await grant().catch(async (error: unknown) => {
      if (!(error instanceof StaleEpochs)) throw error;
      await services.raiseEpochs();
      return grant();
    });
    const body: LeaseResponse = { results };
    return { status: 200, body };
  } catch (error) {
    if (error instanceof StaleEpochs) return unavailable("bridge: stale-epoch");
    return translateBridgeRefusal(error);
  }
}

async function authoriseAndGrant(
  services: LeaseServices,
  edge: Edge,
  request: SignedMessage,
  wanted: readonly LeasedKey[],
): Promise<LeaseResult[]> {
  const ids = wanted.map(({ keyId }) => keyId);
  const found = await services.database.read((db) => findKeysWithEpochs(db, ids, edge.edge));
  const byId = new Map(found.map((row) => [row.key.keyId, row]));
  const results = new Map<number, LeaseResult>();
  const permitted: BridgeRequest<"lease">["permitted"] = [];
  for (const [index, key] of wanted.entries()) {
    const row = byId.get(key.keyId) ?? null;
    const permission = permitUse(edge, key, row, services.keyLimits, services.clock());
    if (!permission.ok) results.set(index, { error: { code: permission.error } });
    else if (permission.mode === "proxy") results.set(index, { proxied: true });
    else permitted.push({ index, epoch: permission.epoch, limits: permission.limits });
  }
  if (permitted.length > 0) await askBridge(services, request, permitted, wanted, results);
  // An index the bridge has left out has no lease.
  return wanted.map((_, index) => results.get(index) ?? { error: { code: "InternalError" } });
}

async function askBridge(
  { bridge, raiseEpochs, ledger }: LeaseServices,
  request: SignedMessage,
  permitted: BridgeRequest<"lease">["permitted"],
  wanted: readonly LeasedKey[],
  results: Map<number, LeaseResult>,
): Promise<void> {
  const answer = await bridge.call("lease", { request, permitted }).catch((error: unknown) => {
    if (error instanceof BridgeError && error.code === "stale-epoch") throw new StaleEpochs();
    throw error;
  });
  const isStale = (result: (typeof answer.results)[number]): boolean =>
    "error" in result && result.error.code === "stale-epoch";
  if (answer.results.length > 0 && answer.results.every(isStale)) throw new StaleEpochs();
  if (answer.results.some(isStale)) await raiseEpochs();
  const granted: EdgeLease[] = [];
  for (const result of answer.results) {
    if ("grant" in result) {
      const lease = readLease(result.grant);
      // Left out: what is not written down is not passed on.
      if (lease === null) continue;
      granted.push(lease);
      results.set(result.index, { grant: result.grant });
      continue;
    }
    // The branch is another group's, or an operator has ruled leases of the key out: the bridge may still use it itself.
    if (result.error.code === "wrong-group" || result.error.code === "not-permitted") {
      results.set(result.index, { proxied: true });
      continue;
    }
    const purpose = wanted[result.index]?.purpose ?? "decrypt";
    results.set(result.index, { error: { code: leaseErrorCode(result.error.code, purpose) } });
  }
  await ledger.recordLeases(granted);
}
