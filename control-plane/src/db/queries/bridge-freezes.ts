/** The bridge's freezes as they were when epochs were last raised for them. */

import { inArray } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { accounts, bridgeFreezes, bridgeRevisions, keys } from "../schema/index.ts";

export type StoredFreeze = typeof bridgeFreezes.$inferSelect;

export interface BridgeRevision {
  readonly generation: number;
  readonly freezesRevision: number;
}

/** The state that the stored freezes are of, null when there is none yet; nobody changes it before the transaction ends. */
export async function lockRevision(tx: Queryable): Promise<BridgeRevision | null> {
  const inserted = await tx
    .insert(bridgeRevisions)
    .values({ id: 1, generation: 0, freezesRevision: 0 })
    .onConflictDoNothing()
    .returning({ id: bridgeRevisions.id });
  if (inserted.length > 0) return null;
  const { generation, freezesRevision } = bridgeRevisions;
  const rows = await tx.select({ generation, freezesRevision }).from(bridgeRevisions).for("update");
  return rows[0] ?? null;
}

export async function readFreezes(db: Queryable): Promise<StoredFreeze[]> {
  return db.select().from(bridgeFreezes);
}

/** Replaces what is stored. The revision must be locked in this transaction. */
export async function replaceFreezes(
  tx: Queryable,
  revision: BridgeRevision,
  freezes: readonly StoredFreeze[],
): Promise<void> {
  await tx.delete(bridgeFreezes);
  if (freezes.length > 0) await tx.insert(bridgeFreezes).values([...freezes]);
  await tx.update(bridgeRevisions).set(revision);
}

/** The accounts of these keys, in whatever state they are. */
export async function accountsOfKeys(db: Queryable, keyIds: readonly string[]): Promise<string[]> {
  if (keyIds.length === 0) return [];
  const rows = await db
    .selectDistinct({ account: keys.account })
    .from(keys)
    .where(inArray(keys.keyId, [...keyIds]));
  return rows.map(({ account }) => account);
}

export async function allAccounts(db: Queryable): Promise<string[]> {
  const rows = await db.select({ account: accounts.account }).from(accounts);
  return rows.map(({ account }) => account);
}
