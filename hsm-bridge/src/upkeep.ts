/**
 * What is over ends without anybody asking: import pairs whose day has passed, destructions that were decided and not carried out, counts
 * of an hour ago. At start, and every minute.
 */

import type { Bridge } from "./bridge.ts";
import { toBridgeError } from "./errors.ts";
import { COUNTED_MS, endImportPair } from "./imports/import-pairs.ts";
import { expiredImportPairs, forgetCounts } from "./registry/imports.ts";
import { finishDestruction, objectsInState } from "./registry/objects.ts";

export const UPKEEP_MS = 60_000;

type UpkeepBridge = Pick<Bridge, "database" | "store" | "clock" | "logger">;

/** What the store fails to do is logged and left to the next time. */
export async function upkeep(bridge: UpkeepBridge): Promise<void> {
  const { database, store, clock, logger } = bridge;
  // Of earlier times only: a pair that ends now says itself when the store fails it.
  const decided = objectsInState(database, "destroying");
  const nowMs = clock();
  for (const row of expiredImportPairs(database, nowMs)) await endImportPair(bridge, row);
  for (const { object_id: objectId } of decided) {
    try {
      await finishDestruction(database, store, objectId);
    } catch (error) {
      logger.warn("a destruction waits for the store", {
        objectId,
        code: toBridgeError(error).code,
      });
    }
  }
  await database.commit(() => forgetCounts(database, nowMs - COUNTED_MS));
}

/** Answers what stops it; resolved, nothing is under way any more. */
export function startUpkeep(bridge: UpkeepBridge, everyMs: number): () => Promise<void> {
  let underWay: Promise<void> | null = null;
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
