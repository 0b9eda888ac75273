/**
 * Rows of CMKs whose next version is due (`keys/rotation.ts` has the order of events). Who claims a row rotates the key; when
 * the claim has run out, anyone may claim it again.
 */

import { and, asc, eq, isNotNull, isNull, lt, lte, or } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { keys, keyVersions } from "../schema/index.ts";
import { raiseEpoch } from "./accounts.ts";
import type { KeyScope } from "./keys.ts";

/** A key that someone has claimed in order to rotate it. */
export interface ClaimedRotation extends KeyScope {
  readonly keyId: string;
  readonly currentVersion: number;
}

/** Claims keys that are due, those longest overdue first. Rows that another transaction has in hand are passed over. */
export async function claimDueRotations(
  tx: Queryable,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<ClaimedRotation[]> {
  const due = await tx
    .select({
      keyId: keys.keyId,
      account: keys.account,
      region: keys.region,
      currentVersion: keys.currentVersion,
    })
    .from(keys)
    .where(
      and(
        eq(keys.state, "Enabled"),
        or(isNull(keys.rotatingUntilMs), lt(keys.rotatingUntilMs, nowMs)),
        or(
          isNotNull(keys.rotationTaskId),
          and(eq(keys.rotationEnabled, true), lte(keys.nextRotateAtMs, nowMs)),
        ),
      ),
    )
    .orderBy(asc(keys.nextRotateAtMs))
    .limit(limit)
    .for("update", { skipLocked: true });
  for (const { keyId } of due) {
    await tx.update(keys).set({ rotatingUntilMs: untilMs }).where(eq(keys.keyId, keyId));
  }
  return due;
}

/** The version that encrypts; null when the key is gone. */
export async function currentVersionOf(db: Queryable, keyId: string): Promise<number | null> {
  const rows = await db
    .select({ currentVersion: keys.currentVersion })
    .from(keys)
    .where(eq(keys.keyId, keyId));
  return rows[0]?.currentVersion ?? null;
}

const dayMs = 86_400_000;

/** Makes the version the one that encrypts, in whatever state, and tells the edges. False when another had done so before. */
export async function finishRotation(
  tx: Queryable,
  { keyId }: Pick<ClaimedRotation, "keyId">,
  made: { readonly version: number; readonly createdAtMs: number },
  nowMs: number,
): Promise<boolean> {
  const [key] = await tx.select().from(keys).where(eq(keys.keyId, keyId)).for("update");
  if (key === undefined || key.state === "Deleted" || key.currentVersion >= made.version) {
    return false;
  }
  await tx
    .update(keys)
    .set({
      currentVersion: made.version,
      lastRotatedAtMs: nowMs,
      nextRotateAtMs: nowMs + key.rotateDays * dayMs,
      rotationTaskId: null,
      rotatingUntilMs: null,
    })
    .where(eq(keys.keyId, keyId));
  const { version, createdAtMs } = made;
  await tx.insert(keyVersions).values({ keyId, version, account: key.account, createdAtMs });
  await raiseEpoch(tx, key.account);
  return true;
}
