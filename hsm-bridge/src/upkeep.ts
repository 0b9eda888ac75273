/**
 * What is over ends without anybody asking: import pairs whose day has passed, destructions that were decided and not carried out, objects
 * whose creation came to nothing, counts of an hour ago. At start, and every minute.
 */

import type { Bridge } from "./bridge.ts";
import { toBridgeError } from "./errors.ts";
import { COUNTED_MS, endImportPair } from "./imports/import-pairs.ts";
import { destroyKeyObjects } from "./operations/destroy-key-objects.ts";
import { expiredImportPairs, forgetCounts } from "./registry/imports.ts";
import { findKey, keysInState } from "./registry/keys.ts";
import { appendLog } from "./registry/log.ts";
import {
  finishDestruction,
  objectsInState,
  removeUnfinished,
  unfinishedObjects,
} from "./registry/objects.ts";

export const UPKEEP_MS = 60_000;

export type UpkeepBridge = Pick<Bridge, "database" | "store" | "clock" | "logger" | "keyLocks">;

/** What the store fails to do is logged and left to the next time. Answers how many unfinished objects were removed. */
export async function upkeep(bridge: UpkeepBridge): Promise<{ readonly removed: number }> {
  const { database, store, clock } = bridge;
  // Of earlier times only: a pair that ends now says itself when the store fails it.
  const decided = objectsInState(database, "destroying");
  const nowMs = clock();
  for (const { keyId } of keysInState(database, "destroying")) {
    await unlessUnavailable(bridge, keyId, () => endKey(bridge, keyId));
  }
  for (const row of expiredImportPairs(database, nowMs)) await endImportPair(bridge, row);
  for (const { object_id: objectId } of decided) {
    await unlessUnavailable(bridge, objectId, () => finishDestruction(database, store, objectId));
  }
  let removed = 0;
  for (const { object_id: objectId, purpose } of unfinishedObjects(database)) {
    await unlessUnavailable(bridge, objectId, async () => {
      if (!(await removeUnfinished(database, store, objectId))) return;
      removed += 1;
      await database.commit(() =>
        appendLog(database, clock(), "object-removed", "bridge", { objectId, purpose }),
      );
    });
  }
  await database.commit(() => forgetCounts(database, nowMs - COUNTED_MS));
  return { removed };
}

/** A key whose end was written down. Only one with a date is destroyed; the others were given up. */
function endKey(bridge: UpkeepBridge, keyId: string): Promise<void> {
  return bridge.keyLocks.run(keyId, async () => {
    const key = findKey(bridge.database, keyId);
    if (key?.state !== "destroying") return;
    const end = key.destroyNotBeforeMs === null ? "abandoned" : "destroyed";
    await destroyKeyObjects(bridge, keyId, end, "bridge");
  });
}

async function unlessUnavailable(
  { logger }: UpkeepBridge,
  id: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.warn("a destruction waits for the store", { id, code: toBridgeError(error).code });
  }
}

/** Answers what stops it; resolved, nothing is under way any more. */
export function startUpkeep(bridge: UpkeepBridge, everyMs: number): () => Promise<void> {
  let underWay: Promise<unknown> | null = null;
  const timer = setInterval(() => {
    underWay ??= upkeep(bridge)
      .catch((error: unknown) => {
        bridge.logger.error("upkeep failed", { code: toBridgeError(error).code });
      })
      .finally(() => {
        underWay = null;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await underWay;
  };
}
