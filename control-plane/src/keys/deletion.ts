/**
 * The end of a key in two places at once, database and HSM. The bridge keeps the date of destruction and lets nobody
 * bring it forward; what the database says follows what the bridge has acknowledged.
 *
 *     schedule, cancel:  1. the step is claimed in the key's row, committed
 *                        2. the bridge records its date, or forgets it (idempotent)
 *                        3. the state changes, with the event, committed: only now is it acknowledged
 *     when it is due:    1. claimed   2. the bridge destroys (idempotent)   3. the row becomes a tombstone
 *
 * One step per key at a time. A step that fails, or whose maker dies, is settled: the bridge's date is made to fit the row's
 * state. A key stays PendingDelete, and may be taken back, until the bridge has in fact destroyed it.
 */

import type { Bridge } from "../bridge/client.ts";
import { BridgeError } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import {
  buryKey,
  claimDueDeletions,
  type DeletionStep,
  endDeletionStep,
  findDeletionStep,
} from "../db/queries/key-deletion.ts";
import { describeError, type Log } from "../log.ts";

/** How long a claim holds; longer than two bridge calls with their deadlines. */
export const deletionStepMs = 60_000;

const batch = 20;

interface DeletionServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
}

/** Makes the bridge's date fit the row's state, unless the step was taken over. */
export async function settleDeletion(
  { database, bridge }: DeletionServices,
  step: DeletionStep,
  nowMs: number,
): Promise<void> {
  const { account, region, keyId } = step;
  const name = { account, region, keyId };
  const found = await database.read((db) => findDeletionStep(db, step));
  if (found === null) return;
  const { state, deletionAtMs } = found;
  try {
    if (state === "PendingDelete" && deletionAtMs !== null) {
      const recorded = await bridge.call("scheduleDestruction", {
        ...name,
        notBeforeMs: deletionAtMs,
      });
      // A date that has come keeps its claim: it is the next one's to destroy, and not at once again.
      if (recorded.notBeforeMs <= nowMs) return;
      await database.transaction((tx) => endDeletionStep(tx, step, recorded.notBeforeMs));
      return;
    }
    await bridge.call("cancelDestruction", name);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== "destroyed") throw error;
    if (state === "PendingDelete") {
      await database.transaction((tx) => buryKey(tx, step, nowMs));
      return;
    }
  }
  await database.transaction((tx) => endDeletionStep(tx, step, null));
}

async function destroy(
  services: DeletionServices,
  step: DeletionStep,
  nowMs: number,
): Promise<"destroyed" | "settled"> {
  const { database, bridge } = services;
  const { account, region, keyId } = step;
  const found = await database.read((db) => findDeletionStep(db, step));
  const isDue =
    found?.state === "PendingDelete" && found.deletionAtMs !== null && found.deletionAtMs <= nowMs;
  if (!isDue) {
    await settleDeletion(services, step, nowMs);
    return "settled";
  }
  try {
    await bridge.call("destroyKey", { account, region, keyId });
  } catch (error) {
    const code = error instanceof BridgeError ? error.code : null;
    // No date, or a later one: the bridge's counts.
    if (code === "conflict" || code === "too-early") {
      await settleDeletion(services, step, nowMs);
      return "settled";
    }
    if (code !== "destroyed") throw error;
  }
  await database.transaction((tx) => buryKey(tx, step, nowMs));
  return "destroyed";
}

/** Destroys keys whose date has come, and settles steps whose makers are gone. What fails is tried again later. */
export async function finishDueDeletions(
  services: DeletionServices,
  nowMs: number,
  log: Log,
): Promise<void> {
  for (;;) {
    const due = await services.database.transaction((tx) =>
      claimDueDeletions(tx, nowMs, nowMs + deletionStepMs, batch),
    );
    for (const step of due) {
      try {
        const end = await destroy(services, step, nowMs);
        log.info(`key deletion ${end}`, { keyId: step.keyId });
      } catch (error) {
        log.warn("key deletion not finished", { keyId: step.keyId, ...describeError(error) });
      }
    }
    if (due.length < batch) return;
  }
}
