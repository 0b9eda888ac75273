/** Opens branch keys and seals them to an edge instance (protocol.md "A branch-key lease", step 4). */

import {
  type BridgeRequest,
  hexEncode,
  type LeasedKey,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { openBranch } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { admitEdgeRequest, type EdgeRequest } from "../edge-request.ts";
import { BridgeError, toBridgeError } from "../errors.ts";
import { branchOf, requireUsableKey } from "../key-use.ts";
import { capLimits } from "../limits.ts";
import { describeError } from "../log.ts";
import { raiseEpoch } from "../registry/epochs.ts";
import { addPermittedEncryptions, type KeyRow } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { sealToEdge } from "../seal-to-edge.ts";

type Permitted = BridgeRequest<"lease">["permitted"][number];
type LeaseEdgeRequest = EdgeRequest<import("@edge-kms/protocol").LeaseRequest>;
interface SealedLease {
  readonly permitted: Permitted;
  readonly asked: LeasedKey;
  readonly grant: Readonly<Record<string, unknown>> & {
    readonly leaseId: string;
    readonly version: number;
    readonly branch: string;
    readonly maxOperations: number;
    readonly expiresAtMs: number;
  };
}
type Outcome =
  | { readonly index: number; readonly sealed: SealedLease }
  | { readonly index: number; readonly error: BridgeError };

export const lease: Operation<"lease"> = async (bridge, { request, permitted }) => {
  const admitted = admitEdgeRequest(bridge, "lease", request);
  try {
    const indexes = new Set(permitted.map(({ index }) => index));
    if (indexes.size !== permitted.length) {
      throw new BridgeError("bad-request", "An index is permitted twice.");
    }
    const outcomes = await Promise.all(
      permitted.map(async (one): Promise<Outcome> => {
        try {
          return { index: one.index, sealed: await sealOne(bridge, admitted, one) };
        } catch (error) {
          return { index: one.index, error: logged(bridge, error) };
        }
      }),
    );
    return { results: await commitGrants(bridge, admitted, outcomes) };
  } finally {
    admitted.release();
  }
};

function requireLeasable(bridge: Bridge, request: LeaseEdgeRequest, permitted: Permitted): KeyRow {
  const asked = request.payload.keys[permitted.index];
  if (asked === undefined) throw new BridgeError("bad-request", "The request has no such index.");
  return requireUsableKey(bridge, request.edge, asked, permitted.epoch, "lease");
}

async function sealOne(
  bridge: Bridge,
  request: LeaseEdgeRequest,
  permitted: Permitted,
): Promise<SealedLease> {
  const key = requireLeasable(bridge, request, permitted);
  const asked = request.payload.keys[permitted.index] as LeasedKey;
  const { edge, payload, requestHash } = request;
  const limits = capLimits(permitted.limits, bridge.caps);
  if (limits.expiresAfterMs === 0) {
    throw new BridgeError("not-permitted", "A lease that ends at once is none.");
  }
  const { version, branch } = await branchOf(bridge, key, asked, edge.group);
  if (branch.group !== edge.group) {
    throw new BridgeError("wrong-group", "The branch key is another edge group's.");
  }
  const leaseId = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
  const opened = await openBranch(bridge, key, version, branch);
  try {
    const sealed = await sealToEdge(
      request.hpkePublicKey,
      opened,
      signedMessageTypes.leaseGrant,
      requestHash,
      leaseId,
    );
    const notBeforeMs = bridge.clock();
    const grant = {
      requestHash,
      index: permitted.index,
      edge: edge.edge,
      instance: payload.instance,
      group: edge.group,
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      version: version.version,
      branch: branch.branch,
      suite: key.suite,
      leaseId,
      notBeforeMs,
      refreshAtMs: notBeforeMs + limits.refreshAfterMs,
      expiresAtMs: notBeforeMs + limits.expiresAfterMs,
      maxOperations: limits.maxOperations,
      maxUnacknowledged: limits.maxUnacknowledged,
      epoch: { generation: permitted.epoch.generation, counter: permitted.epoch.counter },
      store: bridge.store.kind,
      sealed,
    };
    return { permitted, asked, grant };
  } finally {
    wipe(opened);
  }
}

/**
 * The point that counts: in one transaction everything is checked again (a freeze or a newer epoch may have come while
 * the store was at work), the nonce, the epoch, the encryptions that each grant permits and one log row per grant are
 * written. Only then is anything signed.
 */
async function commitGrants(
  bridge: Bridge,
  request: LeaseEdgeRequest,
  outcomes: readonly Outcome[],
) {
  const { database } = bridge;
  const settled = await database.commit(() => {
    let granted = 0;
    const results = outcomes.map((outcome): Outcome => {
      if (!("sealed" in outcome)) return outcome;
      const { permitted, asked, grant } = outcome.sealed;
      try {
        requireLeasable(bridge, request, permitted);
      } catch (error) {
        return { index: outcome.index, error: toBridgeError(error) };
      }
      granted += 1;
      raiseEpoch(database, asked.account, permitted.epoch.counter);
      if (asked.purpose === "encrypt") {
        addPermittedEncryptions(database, grant.branch, grant.maxOperations);
      }
      appendLog(database, bridge.clock(), "branch-leased", "control-plane", {
        edge: request.edge.edge,
        instance: request.payload.instance,
        group: request.edge.group,
        account: asked.account,
        region: asked.region,
        keyId: asked.keyId,
        version: grant.version,
        branch: grant.branch,
        purpose: asked.purpose,
        maxOperations: grant.maxOperations,
        leaseId: grant.leaseId,
        expiresAtMs: grant.expiresAtMs,
        auditSeq: request.payload.auditHead.seq,
        auditHash: request.payload.auditHead.hash,
      });
      return outcome;
    });
    if (granted > 0) request.remember();
    return results;
  });
  return settled.map((outcome) =>
    "sealed" in outcome
      ? {
          index: outcome.index,
          grant: bridge.identity.sign(signedMessageTypes.leaseGrant, outcome.sealed.grant),
        }
      : {
          index: outcome.index,
          error: { code: outcome.error.code, message: outcome.error.message },
        },
  );
}

function logged(bridge: Bridge, thrown: unknown): BridgeError {
  const error = toBridgeError(thrown);
  bridge.logger.warn("a lease was refused", {
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.code === "internal" ? describeError(error.cause ?? error) : {}),
  });
  return error;
}
