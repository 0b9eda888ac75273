/**
 * Branch keys: random, one per (key version, edge group, period, turn), stored only wrapped by AES-256-GCM inside the store
 * under the key version. A period has a further turn when so many encryptions were permitted that the bound on messages
 * per key comes into sight; the older ones decrypt on. The associated data names everything the key belongs to, so wrapped bytes moved to another
 * row of the registry do not open.
 */

import { type Bytes, equalBytes, hexEncode } from "@edge-kms/protocol";
import type { Bridge } from "./bridge.ts";
import { encodeFields, wipe } from "./bytes.ts";
import { asMissingObject, BridgeError } from "./errors.ts";
import {
  type BranchRow,
  findBranchOfPeriod,
  findKey,
  insertBranch,
  type KeyRow,
  type VersionRow,
} from "./registry/keys.ts";
import { appendLog } from "./registry/log.ts";

/** Bytes of a branch key by suite: XAES-256-GCM takes 32, the SM4 construction 16 (design §4). */
const branchKeyBytes = { 1: 32, 2: 16 } as const;
const BRANCH_ID_BYTES = 8;
const DAY_MS = 86_400_000;

/**
 * Encryptions permitted with a branch key before the next takes its place. What counts is what was permitted, not what was
 * used: the bridge believes nobody about that. Leases that are granted in the same moment may go beyond by their own
 * operations, 10^6 each: far from the bound.
 *
 * Suite 1: the bound is 2^45 messages, where the advantage is about 2^-32 (design §4); 2^40 leaves a factor of 32.
 * Suite 2 has message keys of 128 bits: 2^t guesses find one of 2^q with a probability of at most about 2^(q+t-128)
 * (wasm-core/assembly/suite.ts). 2^36 messages keep that at 2^-32 against 2^60 guesses.
 */
export const branchTurnovers = { 1: 2 ** 40, 2: 2 ** 36 } as const;

/**
 * The period that a moment falls into, named by the number of its first day since 1970-01-01, so that a changed
 * length never gives an old number a new meaning.
 */
export function periodAt(nowMs: number, periodDays: number): number {
  const day = Math.floor(nowMs / DAY_MS);
  return day - (day % periodDays);
}

/** A row's associated data; `suite` and names come from the key's row, so all of them are bound. */
export function branchAssociatedData(
  key: KeyRow,
  row: Pick<BranchRow, "keyId" | "version" | "branch" | "group" | "period">,
): Bytes {
  return encodeFields("edge-kms/branch-key/1", [
    key.account,
    key.region,
    row.keyId,
    row.version,
    row.branch,
    String(key.suite),
    row.group,
    row.period,
  ]);
}

/** The branch that encrypts now for a group, made if there is none yet. */
export async function currentBranch(
  bridge: Bridge,
  key: KeyRow,
  version: VersionRow,
  group: string,
): Promise<BranchRow> {
  const period = periodAt(bridge.clock(), bridge.branchPeriodDays);
  const turnover = Math.min(branchTurnovers[suiteOf(key)], bridge.branchTurnover);
  const find = () => findBranchOfPeriod(bridge.database, key.keyId, version.version, group, period);
  const newest = find();
  if (newest !== null && newest.permittedEncryptions < turnover) return newest;
  return bridge.keyLocks.run(key.keyId, async () => {
    const again = find();
    if (again !== null && again.permittedEncryptions < turnover) return again;
    const turn = again === null ? 0 : again.turn + 1;
    return createBranch(bridge, key, version, { group, period, turn });
  });
}

async function createBranch(
  bridge: Bridge,
  key: KeyRow,
  version: VersionRow,
  when: Pick<BranchRow, "group" | "period" | "turn">,
): Promise<BranchRow> {
  const { store, database } = bridge;
  const branch = hexEncode(await store.random(BRANCH_ID_BYTES));
  const place = { branch, keyId: key.keyId, version: version.version, ...when };
  const associatedData = branchAssociatedData(key, place);
  const fresh = await store.random(branchKeyBytes[suiteOf(key)]);
  let again: Bytes | null = null;
  try {
    const wrapped = await store.aesGcmEncrypt(version.objectId, fresh, associatedData);
    // A branch key that does not come back would make every message under it unreadable: proven before first use.
    again = await store.aesGcmDecrypt(version.objectId, wrapped, associatedData);
    if (!equalBytes(fresh, again)) {
      throw new BridgeError("internal", "The store does not open what it wrapped.");
    }
    const row = { ...place, wrapped };
    const nowMs = bridge.clock();
    await database.commit(() => {
      if (findKey(database, key.keyId)?.state !== "active") throw destroyed();
      insertBranch(database, row, nowMs);
      appendLog(database, nowMs, "branch-created", "bridge", {
        account: key.account,
        region: key.region,
        keyId: key.keyId,
        version: version.version,
        branch,
        ...when,
      });
    });
    return row;
  } catch (error) {
    throw asMissingObject(error, version.objectId);
  } finally {
    wipe(fresh, again);
  }
}

/** Unwraps a branch key; the caller wipes it. `corrupt` when the row was altered or moved. */
export async function openBranch(
  bridge: Bridge,
  key: KeyRow,
  version: VersionRow,
  row: BranchRow,
): Promise<Bytes> {
  if (row.wrapped === null) throw destroyed();
  const opened = await bridge.store
    .aesGcmDecrypt(version.objectId, row.wrapped, branchAssociatedData(key, row))
    .catch((error: unknown) => {
      throw asMissingObject(error, version.objectId);
    });
  if (opened.length !== branchKeyBytes[suiteOf(key)]) {
    wipe(opened);
    throw new BridgeError("corrupt", "The wrapped branch key has the wrong length.");
  }
  return opened;
}

function suiteOf(key: KeyRow): 1 | 2 {
  if (key.suite === null) throw destroyed();
  return key.suite;
}

export function destroyed(): BridgeError {
  return new BridgeError("destroyed", "The key is destroyed.");
}
