/**
 * What was granted, written down before it leaves: who holds which key, and what each instance is trusted with. A grant that
 * cannot be written down is not passed on.
 */

import {
  credentialGrant,
  leaseGrant,
  type SignedMessage,
  type SignedMessageType,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type * as v from "valibot";
import type { Database } from "../db/index.ts";
import {
  type Budget,
  type EdgeLease,
  insertLeases,
  raiseBudget,
} from "../db/queries/edge-leases.ts";
import { readMessage } from "../signed-messages/signed-messages.ts";

export interface GrantLedger {
  /** Writes leases of branch keys down, in one statement. @throws DatabaseError. */
  recordLeases(leases: readonly EdgeLease[]): Promise<void>;
  /** Writes down what an instance is trusted with, unless that is known already. @throws DatabaseError. */
  recordBudget(budget: Budget): Promise<void>;
}

/** The end of leases is written rounded up to this, so that callers who come one by one cost a write a minute. */
const roundMs = 60_000;
/** Instances remembered; forgetting one costs a write. */
const maxRemembered = 10_000;

export function createGrantLedger(database: Database): GrantLedger {
  let known = new Map<string, Budget>();
  return {
    async recordLeases(leases) {
      if (leases.length > 0) await database.read((db) => insertLeases(db, leases));
    },
    async recordBudget(granted) {
      const leasesEndAtMs = Math.ceil(granted.leasesEndAtMs / roundMs) * roundMs;
      const budget = { ...granted, leasesEndAtMs };
      const name = `${budget.account}:${budget.edge}:${budget.instance}`;
      const before = known.get(name);
      const isKnown =
        before !== undefined &&
        before.maxUnacknowledged >= budget.maxUnacknowledged &&
        before.leasesEndAtMs >= leasesEndAtMs;
      if (isKnown) return;
      await database.transaction((tx) => raiseBudget(tx, budget));
      if (known.size >= maxRemembered) known = new Map();
      known.set(name, budget);
    },
  };
}

/** What the bridge granted for a key; null when it is no grant, which then must not be passed on. */
export function readLease(grant: SignedMessage): EdgeLease | null {
  const claimed = read(grant, signedMessageTypes.leaseGrant, leaseGrant);
  if (claimed === null) return null;
  const { edge, instance, account, region, keyId, version, branch, leaseId } = claimed;
  return {
    leaseId,
    edge,
    instance,
    account,
    region,
    keyId,
    version,
    branch,
    epochGeneration: claimed.epoch.generation,
    epochCounter: claimed.epoch.counter,
    maxOperations: claimed.maxOperations,
    maxUnacknowledged: claimed.maxUnacknowledged,
    grantedAtMs: claimed.notBeforeMs,
    expiresAtMs: claimed.expiresAtMs,
  };
}

/** What the bridge granted for a caller; null as above. */
export function readBudget(grant: SignedMessage): Budget | null {
  const claimed = read(grant, signedMessageTypes.credentialGrant, credentialGrant);
  if (claimed === null) return null;
  return {
    account: claimed.principal.account,
    edge: claimed.edge,
    instance: claimed.instance,
    maxUnacknowledged: claimed.maxUnacknowledged,
    leasesEndAtMs: claimed.expiresAtMs,
  };
}

/** The bridge is believed for the connection it came on; its signature is for the edge. */
function read<S extends v.GenericSchema>(
  grant: SignedMessage,
  type: SignedMessageType,
  schema: S,
): v.InferOutput<S> | null {
  return readMessage(grant, type, schema)?.claimed ?? null;
}
