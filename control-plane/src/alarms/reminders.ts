/**
 * A reminder a day in the last three days before a key is destroyed (console guide G8.5). Every copy of the control plane looks;
 * the database takes each reminder once.
 */

import type { Database } from "../db/index.ts";
import { findKeysToBeDeleted } from "../db/queries/alarms.ts";
import { raise } from "./raise.ts";

const dayMs = 86_400_000;
const days = 3;
const batch = 200;

/** Days that are left, the one that has begun counted whole. */
export function daysUntil(deletionAtMs: number, nowMs: number): number {
  return Math.ceil((deletionAtMs - nowMs) / dayMs);
}

/** Raises the reminders that are due and not there yet. A day on which nobody looked is not made up for. */
export async function remindOfDeletions(database: Database, nowMs: number): Promise<void> {
  let afterId = "00000000-0000-0000-0000-000000000000";
  for (;;) {
    const page = { nowMs, untilMs: nowMs + days * dayMs, afterId, limit: batch };
    const found = await database.read((db) => findKeysToBeDeleted(db, page));
    const rows = found.map((key) => ({
      ...key,
      kind: "DeletionApproaching" as const,
      timeMs: nowMs,
      daysLeft: daysUntil(key.deletionAtMs, nowMs),
    }));
    if (rows.length > 0) await database.transaction((tx) => raise(tx, rows, nowMs));
    if (found.length < batch) return;
    afterId = found.at(-1)?.keyId ?? afterId;
  }
}
