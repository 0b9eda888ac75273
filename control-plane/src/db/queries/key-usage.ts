/** Counters of the use of CMKs: fed with audit records, read by whoever asks what is in use. */

import { asc, desc, eq, inArray, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { branchUsage, keys, keyUsage } from "../schema/index.ts";

/** Uses of one key. */
export interface KeyUsage {
  readonly keyId: string;
  readonly lastUsedAtMs: number;
}

/** Uses of one branch key. */
export interface BranchUsage {
  readonly keyId: string;
  readonly version: number;
  readonly branch: string;
  readonly messagesEncrypted: number;
  readonly lastUsedAtMs: number;
}

/** The accounts of those of the keys that there are. */
export async function accountsOfKeys(
  db: Queryable,
  keyIds: readonly string[],
): Promise<Map<string, string>> {
  if (keyIds.length === 0) return new Map();
  const rows = await db
    .select({ keyId: keys.keyId, account: keys.account })
    .from(keys)
    .where(inArray(keys.keyId, [...keyIds]));
  return new Map(rows.map(({ keyId, account }) => [keyId, account]));
}

/**
 * Adds to the counters; a time only ever moves forward. Deliveries of several edges add to the same rows and wait for each
 * other: all of them in the order of ids, so that none waits in a circle.
 */
export async function addUsage(
  tx: Queryable,
  used: readonly KeyUsage[],
  branches: readonly BranchUsage[],
): Promise<void> {
  if (used.length > 0) {
    await tx
      .insert(keyUsage)
      .values(used.toSorted((a, b) => compare(a.keyId, b.keyId)))
      .onConflictDoUpdate({
        target: keyUsage.keyId,
        set: { lastUsedAtMs: sql`greatest(${keyUsage.lastUsedAtMs}, excluded.last_used_at_ms)` },
      });
  }
  if (branches.length > 0) {
    await tx
      .insert(branchUsage)
      .values(branches.toSorted((a, b) => compare(placeOf(a), placeOf(b))))
      .onConflictDoUpdate({
        target: [branchUsage.keyId, branchUsage.version, branchUsage.branch],
        set: {
          messagesEncrypted: sql`${branchUsage.messagesEncrypted} + excluded.messages_encrypted`,
          lastUsedAtMs: sql`greatest(${branchUsage.lastUsedAtMs}, excluded.last_used_at_ms)`,
        },
      });
  }
}

const placeOf = ({ keyId, version, branch }: BranchUsage): string =>
  `${keyId}/${version}/${branch}`;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** When a key was last used; null when no record says that it was. */
export async function findLastUse(db: Queryable, keyId: string): Promise<number | null> {
  const rows = await db
    .select({ lastUsedAtMs: keyUsage.lastUsedAtMs })
    .from(keyUsage)
    .where(eq(keyUsage.keyId, keyId));
  return rows[0]?.lastUsedAtMs ?? null;
}

/** The branch keys of a key that were used, those of the newest version first, the last used before the others. */
export async function listBranchUsage(
  db: Queryable,
  keyId: string,
  page: { readonly offset: number; readonly limit: number },
): Promise<{ branches: BranchUsage[]; total: number; messagesEncrypted: number }> {
  const where = eq(branchUsage.keyId, keyId);
  const sums = await db
    .select({
      total: sql<number>`count(*)`.mapWith(Number),
      messagesEncrypted: sql<number>`coalesce(sum(${branchUsage.messagesEncrypted}), 0)`.mapWith(
        Number,
      ),
    })
    .from(branchUsage)
    .where(where);
  const branches = await db
    .select()
    .from(branchUsage)
    .where(where)
    .orderBy(desc(branchUsage.version), desc(branchUsage.lastUsedAtMs), asc(branchUsage.branch))
    .limit(page.limit)
    .offset(page.offset);
  return {
    branches,
    total: sums[0]?.total ?? 0,
    messagesEncrypted: sums[0]?.messagesEncrypted ?? 0,
  };
}
