/**
 * Making a CMK in two places at once, database and HSM, so that neither is left with half a key.
 *
 *     1. row `Creating`, committed: id and alias are reserved, nobody sees the key
 *     2. the bridge makes version 1 (idempotent)
 *     3. row `Enabled`, with the event, committed: the key exists
 *
 * A creation that fails in 2 is given up: row `Abandoned` (so that 3 can no longer happen), the bridge lets the key go,
 * the row is removed. Who dies in between leaves a row behind, which `finishOverdueCreations` gives up the same way.
 */

import type { Bridge } from "../bridge/client.ts";
import { BridgeError } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import {
  abandonCreation,
  overdueCreations,
  removeAbandoned,
  type UnfinishedKey,
} from "../db/queries/key-creation.ts";
import { describeError, type Log } from "../log.ts";

/** How long the maker of a key has; longer than two bridge calls with their deadlines. */
export const creationTimeMs = 60_000;

const batch = 20;

interface CreationServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
}

/**
 * Gives a creation up, unless it was finished meanwhile. Throws when database or bridge do not answer; the row then
 * stays for the recovery job.
 */
export async function giveUpCreation(
  { database, bridge }: CreationServices,
  key: UnfinishedKey,
): Promise<void> {
  // Committed before the bridge is asked: from then on nobody can finish what it is about to destroy.
  const isAbandoned = await database.transaction((tx) => abandonCreation(tx, key));
  if (isAbandoned) await letGo({ database, bridge }, key);
}

async function letGo({ database, bridge }: CreationServices, key: UnfinishedKey): Promise<void> {
  const { account, region, keyId } = key;
  try {
    await bridge.call("abandonKey", { account, region, keyId });
  } catch (error) {
    // The bridge never heard of it, or has destroyed it already.
    const isGone =
      error instanceof BridgeError && (error.code === "not-found" || error.code === "destroyed");
    if (!isGone) throw error;
  }
  await database.transaction((tx) => removeAbandoned(tx, key));
}

/** Finishes off creations whose makers are gone. What fails is tried again the next time. */
export async function finishOverdueCreations(
  services: CreationServices,
  nowMs: number,
  log: Log,
): Promise<void> {
  const overdue = await services.database.read((db) => overdueCreations(db, nowMs, batch));
  for (const key of overdue) {
    try {
      await giveUpCreation(services, key);
      log.info("unfinished key creation removed", { keyId: key.keyId });
    } catch (error) {
      log.warn("unfinished key creation stays", { keyId: key.keyId, ...describeError(error) });
    }
  }
}
