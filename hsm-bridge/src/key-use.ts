/**
 * May this edge have this key used, and which branch key does it? The same questions for a lease, which hands the branch
 * key out, and for an operation, which the bridge performs itself.
 */

import type { EdgeMode, Epoch, LeasedKey } from "@edge-kms/protocol";
import { currentBranch, destroyed } from "./branch-keys.ts";
import type { Bridge } from "./bridge.ts";
import { frozen, refused } from "./edge-request.ts";
import { checkEpoch } from "./epoch-rule.ts";
import { BridgeError } from "./errors.ts";
import { findNamedKey } from "./operations/find-named-key.ts";
import type { EdgeRow } from "./registry/edges.ts";
import { isFrozen } from "./registry/freezes.ts";
import {
  type BranchRow,
  findBranch,
  findVersion,
  type KeyName,
  type KeyRow,
  type VersionRow,
  versionsOf,
} from "./registry/keys.ts";
import { findObject } from "./registry/objects.ts";

/** From the least to the most that an edge gets. */
const reach: Readonly<Record<EdgeMode, number>> = { deny: 0, proxy: 1, lease: 2 };

/**
 * What must hold for a use; asked before any key is opened, and again in the commit that lets the answer out.
 *
 * @param mode what the edge is about to get: the branch key, or the outcome of one operation.
 */
export function requireUsableKey(
  bridge: Bridge,
  edge: EdgeRow,
  asked: KeyName,
  epoch: Epoch,
  mode: "lease" | "proxy",
): KeyRow {
  if (!edge.accounts.includes(asked.account)) throw refused("account out of scope");
  if (!edge.regions.includes(asked.region)) throw refused("region out of scope");
  if (isFrozen(bridge.database, "edge", edge.edge)) throw frozen("edge");
  if (isFrozen(bridge.database, "account", asked.account)) throw frozen("account");
  if (isFrozen(bridge.database, "key", asked.keyId)) throw frozen("key");
  checkEpoch(bridge, asked.account, epoch);
  const key = findNamedKey(bridge, asked);
  if (key === null) throw notFound();
  if (key.state !== "active") throw destroyed();
  // Schedules are public by that: a control plane that keeps one to itself until the key is gone is found out at once.
  if (key.destroyNotBeforeMs !== null) {
    throw new BridgeError("conflict", "The key has a date of destruction.");
  }
  if (reach[key.edgeModeCeiling] < reach[mode]) {
    throw new BridgeError("not-permitted", "An operator has ruled this use of the key out.");
  }
  if (key.origin === "imported" && !hasMaterial(bridge, key)) throw notFound();
  return key;
}

/** Whether imported material is in the store now. */
function hasMaterial({ database }: Bridge, { keyId }: KeyRow): boolean {
  const [version] = versionsOf(database, keyId);
  return version !== undefined && findObject(database, version.objectId)?.state === "ready";
}

export interface BranchInUse {
  readonly version: VersionRow;
  readonly branch: BranchRow;
}

/** The branch that a group encrypts with, or the one that a ciphertext names, of whatever group. */
export async function branchOf(
  bridge: Bridge,
  key: KeyRow,
  asked: LeasedKey,
  group: string,
): Promise<BranchInUse> {
  if (asked.purpose === "decrypt") return namedBranch(bridge, key, asked);
  const version = versionsOf(bridge.database, key.keyId)[0];
  if (version === undefined) throw notFound();
  return { version, branch: await currentBranch(bridge, key, version, group) };
}

/** An unknown one ends here and never reaches the store. */
function namedBranch(
  bridge: Bridge,
  key: KeyRow,
  asked: Extract<LeasedKey, { purpose: "decrypt" }>,
): BranchInUse {
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
  return { version, branch };
}

function notFound(): BridgeError {
  return new BridgeError("not-found", "The bridge has no such key, version or branch.");
}
