/**
 * Rows of CMKs on their way into being (`keys/creation.ts` has the order of events).
 *
 *     Creating ──finishCreation──▶ Enabled
 *     Creating ──abandonCreation──▶ Abandoned ──removeAbandoned──▶ no row
 *
 * Each step names the state it starts from, so of two who try, one wins and the other sees false.
 */

import { and, eq, inArray, lt, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { keys, keyTags, keyVersions } from "../schema/index.ts";
import { storedKeyStates } from "../schema/keys.ts";
import { countKeys } from "./key-counts.ts";
import type { KeyScope } from "./keys.ts";

export type NewKey = Pick<
  typeof keys.$inferInsert,
  | "keyId"
  | "account"
  | "region"
  | "alias"
  | "description"
  | "keyUsage"
  | "origin"
  | "suite"
  | "creatorUin"
  | "createdAtMs"
  | "nextRotateAtMs"
> & {
  /** From then on others may give the creation up. */
  readonly creatingUntilMs: number;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
};

/** A creation that someone may have to finish off. */
export interface UnfinishedKey extends KeyScope {
  readonly keyId: string;
}

/** Until the end of the transaction no other creation in this account and region passes here. */
export async function lockQuota(tx: Queryable, scope: KeyScope): Promise<void> {
  const name = `cmk-quota:${scope.account}:${scope.region}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

/** How many keys count against the quota: all but product-made ones and those waiting for deletion (contract §3.3). */
export function countTowardsQuota(db: Queryable, scope: KeyScope): Promise<number> {
  const states = storedKeyStates.filter(
    (state) => !["PendingDelete", "Abandoned", "Deleted"].includes(state),
  );
  return countKeys(db, { ...scope, states, isUserMade: true, origin: null, keyUsage: null });
}

/** Reserves id and alias. A `unique-violation` of `aliasConstraint` when the alias is taken. */
export async function beginCreation(tx: Queryable, key: NewKey): Promise<void> {
  const { tags, ...row } = key;
  await tx.insert(keys).values({ ...row, state: "Creating" });
  if (tags.length === 0) return;
  await tx.insert(keyTags).values(
    tags.map((tag) => ({
      keyId: row.keyId,
      account: row.account,
      tagKey: tag.key,
      tagValue: tag.value,
    })),
  );
}

/** What the bridge has made of a key. Version 0: nothing yet, its material will be imported. */
export interface MadeKey {
  readonly version: number;
  readonly createdAtMs: number;
  /** Of an asymmetric key. */
  readonly publicKeyStatement: string | null;
}

/** Shows the key to its users. False when the creation was given up meanwhile. */
export async function finishCreation(
  tx: Queryable,
  key: UnfinishedKey,
  { version, createdAtMs, publicKeyStatement }: MadeKey,
): Promise<boolean> {
  const rows = await tx
    .update(keys)
    .set({
      state: version === 0 ? "PendingImport" : "Enabled",
      currentVersion: version,
      hasMaterial: version > 0,
      publicKeyStatement,
      creatingUntilMs: null,
    })
    .where(and(eq(keys.keyId, key.keyId), eq(keys.state, "Creating")))
    .returning({ keyId: keys.keyId });
  if (rows.length === 0) return false;
  if (version === 0) return true;
  await tx
    .insert(keyVersions)
    .values({ keyId: key.keyId, version, account: key.account, createdAtMs });
  return true;
}

/** Gives the creation up: it can no longer be finished, and its alias is free. False when it was finished, or is gone. */
export async function abandonCreation(tx: Queryable, key: UnfinishedKey): Promise<boolean> {
  const rows = await tx
    .update(keys)
    .set({ state: "Abandoned" })
    .where(and(eq(keys.keyId, key.keyId), inArray(keys.state, ["Creating", "Abandoned"])))
    .returning({ keyId: keys.keyId });
  return rows.length > 0;
}

/** Removes the row after the bridge has let the key go. */
export async function removeAbandoned(tx: Queryable, key: UnfinishedKey): Promise<void> {
  await tx.delete(keys).where(and(eq(keys.keyId, key.keyId), eq(keys.state, "Abandoned")));
}

/** Creations whose time is over, oldest first, at most `limit`. */
export async function overdueCreations(
  db: Queryable,
  nowMs: number,
  limit: number,
): Promise<UnfinishedKey[]> {
  return db
    .select({ keyId: keys.keyId, account: keys.account, region: keys.region })
    .from(keys)
    .where(and(inArray(keys.state, ["Creating", "Abandoned"]), lt(keys.creatingUntilMs, nowMs)))
    .orderBy(keys.creatingUntilMs)
    .limit(limit);
}
