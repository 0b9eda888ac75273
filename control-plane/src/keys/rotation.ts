/**
 * A key's next version, made once however many control planes try, and also by whoever comes after one that died:
 *
 *     1. the row is claimed, committed; who died lets the claim run out
 *     2. the bridge makes the version of the expected number (idempotent)
 *     3. the version becomes the current one and the epoch rises, committed; whoever comes second changes nothing
 *
 * From 2 on edges may be leased the new version to encrypt; leases of the old one end with the epoch of 3. A key that is disabled,
 * archived or to be deleted after 1 gets the version all the same: it may exist, and ciphertexts under it, and the row must know of them.
 */

import type { Bridge } from "../bridge/client.ts";
import type { Database } from "../db/index.ts";
import {
  type ClaimedRotation,
  claimDueRotations,
  currentVersionOf,
  finishRotation,
} from "../db/queries/key-rotation.ts";
import type { Key } from "../db/queries/keys.ts";
import { describeError, type Log } from "../log.ts";

/** How long a claim holds; longer than two bridge calls with their deadlines. */
export const rotationTimeMs = 60_000;

/** RotateKey: once in this time, automatic rotations counted (contract §3.5). */
export const rotationPauseMs = 86_400_000;

const batch = 20;

interface RotationServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
}

/** Why a key has no further versions: imported material and key pairs have only the one (contract §3.5). */
export function rotationObstacle(
  key: Pick<Key, "origin" | "keyUsage">,
): "imported" | "asymmetric" | null {
  if (key.origin === "EXTERNAL") return "imported";
  return key.keyUsage === "ENCRYPT_DECRYPT" ? null : "asymmetric";
}

/** Steps 2 and 3 for a key that the caller has claimed. What fails is tried again by the job when the claim has run out. */
export async function rotateClaimedKey(
  { database, bridge }: RotationServices,
  key: ClaimedRotation,
  nowMs: number,
): Promise<void> {
  const { account, region, keyId, currentVersion } = key;
  const make = (version: number) => bridge.call("rotateKey", { account, region, keyId, version });
  let made = await make(currentVersion + 1);
  if (made.version > currentVersion + 1) {
    // Either another has rotated the key meanwhile, or the database was restored and the bridge is ahead of it.
    const found = await database.read((db) => currentVersionOf(db, keyId));
    if (found !== currentVersion) return;
    made = await make(made.version + 1);
  }
  await database.transaction((tx) => finishRotation(tx, key, made, nowMs));
}

/** Rotates all keys that are due. */
export async function rotateDueKeys(
  services: RotationServices,
  nowMs: number,
  log: Log,
): Promise<void> {
  for (;;) {
    const due = await services.database.transaction((tx) =>
      claimDueRotations(tx, nowMs, nowMs + rotationTimeMs, batch),
    );
    for (const key of due) {
      try {
        await rotateClaimedKey(services, key, nowMs);
        log.info("key rotated", { keyId: key.keyId });
      } catch (error) {
        log.warn("key not rotated", { keyId: key.keyId, ...describeError(error) });
      }
    }
    if (due.length < batch) return;
  }
}
