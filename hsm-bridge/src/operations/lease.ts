/** Opens branch keys and seals them to an edge instance (protocol.md "A branch-key lease", step 4). */

import {
  type BridgeRequest,
  hexEncode,
  type LeasedKey,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { currentBranch, destroyed, openBranch } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { admitEdgeRequest, type EdgeRequest, frozen, refused } from "../edge-request.ts";
import { checkEpoch } from "../epoch-rule.ts";
import { BridgeError, toBridgeError } from "../errors.ts";
import { capLimits } from "../limits.ts";
import { describeError } from "../log.ts";
import { raiseEpoch } from "../registry/epochs.ts";
import { isFrozen } from "../registry/freezes.ts";
import {
  type BranchRow,
  findBranch,
  findVersion,
  type KeyRow,
  type VersionRow,
  versionsOf,
} from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { sealToEdge } from "../seal-to-edge.ts";
import { findNamedKey } from "./find-named-key.ts";

type Permitted = BridgeRequest<"lease">["permitted"][number];
type LeaseEdgeRequest = EdgeRequest<import("@edge-kms/protocol").LeaseRequest>;
interface SealedLease {
  readonly permitted: Permitted;
  readonly asked: LeasedKey;
  readonly grant: Readonly<Record<string, unknown>> & {
    readonly leaseId: string;
    readonly version: number;
    readonly branch: string;
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

/** What must hold for a grant; asked before any key is opened, and again in the commit that lets it out. */
function checkLeasable(bridge: Bridge, request: LeaseEdgeRequest, permitted: Permitted): KeyRow {
  const asked = request.payload.keys[permitted.index];
  if (asked === undefined) throw new BridgeError("bad-request", "The request has no such index.");
  const { edge } = request;
  if (!edge.accounts.includes(asked.account)) throw refused("account out of scope");
  if (!edge.regions.includes(asked.region)) throw refused("region out of scope");
  if (isFrozen(bridge.database, "edge", edge.edge)) throw frozen("edge");
  if (isFrozen(bridge.database, "account", asked.account)) throw frozen("account");
  if (isFrozen(bridge.database, "key", asked.keyId)) throw frozen("key");
  checkEpoch(bridge, asked.account, permitted.epoch);
  const key = findNamedKey(bridge, asked);
  if (key === null) throw notFound();
  if (key.state !== "active") throw destroyed();
  // Schedules are public by that: a control plane that keeps one to itself until the key is gone is found out at once.
  if (key.destroyNotBeforeMs !== null) {
    throw new BridgeError("conflict", "The key has a date of destruction.");
  }
  return key;
}

async function sealOne(
  bridge: Bridge,
  request: LeaseEdgeRequest,
  permitted: Permitted,
): Promise<SealedLease> {
  const key = checkLeasable(bridge, request, permitted);
  const asked = request.payload.keys[permitted.index] as LeasedKey;
  const { edge, payload, requestHash } = request;
  const { version, branch } =
    asked.purpose === "encrypt"
      ? await branchToEncrypt(bridge, key, edge.group)
      : branchToDecrypt(bridge, key, asked, edge.group);
  const leaseId = hexEncode(await bridge.store.random(16));
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
    const limits = capLimits(permitted.limits, bridge.caps);
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

async function branchToEncrypt(bridge: Bridge, key: KeyRow, group: string) {
  const version = versionsOf(bridge.database, key.keyId)[0];
  if (version === undefined) throw notFound();
  return { version, branch: await currentBranch(bridge, key, version, group) };
}

/** The branch that a ciphertext names. An unknown one ends here and never reaches the store. */
function branchToDecrypt(
  bridge: Bridge,
  key: KeyRow,
  asked: Extract<LeasedKey, { purpose: "decrypt" }>,
  group: string,
): { version: VersionRow; branch: BranchRow } {
  const branch = findBranch(bridge.database, asked.branch);
  const version = findVersion(bridge.database, key.keyId, asked.version);
  if (
    branch === null ||
    version === null ||
    branch.keyId !== key.keyId ||
    branch.version !== asked.version ||
    key.suite !== asked.suite
  ) {
    throw notFound();
  }
  if (branch.group !== group) {
    throw new BridgeError("wrong-group", "The branch key is another edge group's.");
  }
  return { version, branch };
}

/**
 * The point that counts: in one transaction everything is checked again (a freeze or a newer epoch may have come while
 * the store was at work), the nonce, the epoch and one log row per grant are written. Only then is anything signed.
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
        checkLeasable(bridge, request, permitted);
      } catch (error) {
        return { index: outcome.index, error: toBridgeError(error) };
      }
      granted += 1;
      raiseEpoch(database, asked.account, permitted.epoch.counter);
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

function notFound(): BridgeError {
  return new BridgeError("not-found", "The bridge has no such key, version or branch.");
}
