/**
 * Steps of a CMK's deletion that need the bridge (`keys/deletion.ts` has the order of events). One step per key at a time: it
 * is claimed until a moment that is its name as well; after that moment anyone may claim another.
 */

import { and, asc, eq, isNotNull, isNull, lt, lte, or } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { keys } from "../schema/index.ts";
import type { KeyScope, KeyState } from "./keys.ts";

export interface DeletionStep extends KeyScope {
  readonly keyId: string;
  readonly untilMs: number;
}

/** What a step finds: the key's state now, and the date while it waits for deletion. */
export interface DeletionStatus {
  readonly state: KeyState | "Deleted" | "Creating" | "Abandoned";
  readonly deletionAtMs: number | null;
}

/** Claims keys whose date has come and steps whose makers are gone. What another transaction has in hand is passed over. */
export async function claimDueDeletions(
  tx: Queryable,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<DeletionStep[]> {
  const isFree = or(isNull(keys.deletionStepUntilMs), lt(keys.deletionStepUntilMs, nowMs));
  const isDue = and(eq(keys.state, "PendingDelete"), lte(keys.deletionAtMs, nowMs));
  const due = await tx
    .select({ keyId: keys.keyId, account: keys.account, region: keys.region })
    .from(keys)
    .where(and(isFree, or(isDue, isNotNull(keys.deletionStepUntilMs))))
    .orderBy(asc(keys.deletionAtMs))
    .limit(limit)
    .for("update", { skipLocked: true });
  for (const { keyId } of due) {
    await tx.update(keys).set({ deletionStepUntilMs: untilMs }).where(eq(keys.keyId, keyId));
  }
  return due.map((key) => ({ ...key, untilMs }));
}

const isStep = ({ keyId, untilMs }: DeletionStep) =>
  and(eq(keys.keyId, keyId), eq(keys.deletionStepUntilMs, untilMs));

/** Null when the step was taken over. */
export async function findDeletionStep(
  db: Queryable,
  step: DeletionStep,
): Promise<DeletionStatus | null> {
  const rows = await db
    .select({ state: keys.state, deletionAtMs: keys.deletionAtMs })
    .from(keys)
    .where(isStep(step));
  return rows[0] ?? null;
}

/** Ends a step that found the key in order. A key that waits for deletion gets the bridge's date. */
export async function endDeletionStep(
  tx: Queryable,
  step: DeletionStep,
  deletionAtMs: number | null,
): Promise<void> {
  await tx
    .update(keys)
    .set(
      deletionAtMs === null
        ? { deletionStepUntilMs: null }
        : { deletionStepUntilMs: null, deletionAtMs },
    )
    .where(isStep(step));
}

/** The bridge has destroyed the key: what is left is a tombstone. False when the step was taken over. */
export async function buryKey(tx: Queryable, step: DeletionStep, nowMs: number): Promise<boolean> {
  const rows = await tx
    .update(keys)
    .set({ state: "Deleted", deletedAtMs: nowMs, deletionStepUntilMs: null })
    .where(and(isStep(step), eq(keys.state, "PendingDelete")))
    .returning({ keyId: keys.keyId });
  return rows.length > 0;
}
