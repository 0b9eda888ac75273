/**
 * CMKs as the actions see them. Rows of unfinished creations are `key-creation.ts`'s business and invisible here, tombstones
 * of deleted keys are seen by leases only.
 */

import { and, asc, count, desc, eq, exists, inArray, not, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import {
  accounts,
  edgeRevocations,
  keyEdgeRevocations,
  keys,
  keyTags,
  keyVersions,
} from "../schema/index.ts";
import { type keyStates, keyStates as visibleStates } from "../schema/keys.ts";
import { countKeys } from "./key-counts.ts";

export type KeyState = (typeof keyStates)[number];

/** A CMK that exists for its users. */
export type Key = Omit<typeof keys.$inferSelect, "state" | "creatingUntilMs"> & {
  readonly state: KeyState;
};

/** Where a caller looks: nobody sees past the own account and the region asked for. */
export interface KeyScope {
  readonly account: string;
  readonly region: string;
}

const isVisible = inArray(keys.state, [...visibleStates]);
const isIn = (scope: KeyScope): SQL | undefined =>
  and(eq(keys.account, scope.account), eq(keys.region, scope.region), isVisible);

function toKey(row: typeof keys.$inferSelect): Key {
  const { state, creatingUntilMs: _, ...rest } = row;
  if (state === "Creating" || state === "Abandoned" || state === "Deleted")
    throw new TypeError("a key that users do not see was read");
  return { ...rest, state };
}

/** One key of the scope, or null. */
export async function findKey(db: Queryable, scope: KeyScope, keyId: string): Promise<Key | null> {
  const rows = await db
    .select()
    .from(keys)
    .where(and(eq(keys.keyId, keyId), isIn(scope)));
  return rows[0] === undefined ? null : toKey(rows[0]);
}

/** As {@link findKey}, and no other transaction changes the key before this one ends. */
export async function lockKey(tx: Queryable, scope: KeyScope, keyId: string): Promise<Key | null> {
  const rows = await tx
    .select()
    .from(keys)
    .where(and(eq(keys.keyId, keyId), isIn(scope)))
    .for("update");
  return rows[0] === undefined ? null : toKey(rows[0]);
}

/** As {@link lockKey} for several, locked in the order of their ids so that no two callers wait for each other. */
export async function lockKeys(
  tx: Queryable,
  scope: KeyScope,
  keyIds: readonly string[],
): Promise<Key[]> {
  const rows = await tx
    .select()
    .from(keys)
    .where(and(inArray(keys.keyId, [...keyIds]), isIn(scope)))
    .orderBy(asc(keys.keyId))
    .for("update");
  return rows.map(toKey);
}

/** Those of the keys that exist in the scope, in no particular order. */
export async function findKeys(
  db: Queryable,
  scope: KeyScope,
  keyIds: readonly string[],
): Promise<Key[]> {
  const rows = await db
    .select()
    .from(keys)
    .where(and(inArray(keys.keyId, [...keyIds]), isIn(scope)));
  return rows.map(toKey);
}

/** A key, or the tombstone of one, with the policy epoch of its account, both of one moment. */
export interface KeyWithEpoch {
  readonly key: Omit<Key, "state"> & { readonly state: KeyState | "Deleted" };
  readonly epoch: { readonly generation: number; readonly counter: number };
  /** Whether the account took the key, or everything, away from the edge. */
  readonly isRevokedAtEdge: boolean;
}

/**
 * As {@link findKeys} over all scopes, with epochs and what the edge may not have. One statement: a change and its epoch are
 * committed together and read together, so no grant of a newer epoch misses a revocation that raised it.
 */
export async function findKeysWithEpochs(
  db: Queryable,
  keyIds: readonly string[],
  edge: string,
): Promise<KeyWithEpoch[]> {
  const rows = await db
    .select({
      key: keys,
      generation: accounts.epochGeneration,
      counter: accounts.epochCounter,
      edgeRevoked: edgeRevocations.edge,
      keyRevoked: keyEdgeRevocations.edge,
    })
    .from(keys)
    .innerJoin(accounts, eq(accounts.account, keys.account))
    .leftJoin(
      edgeRevocations,
      and(eq(edgeRevocations.account, keys.account), eq(edgeRevocations.edge, edge)),
    )
    .leftJoin(
      keyEdgeRevocations,
      and(eq(keyEdgeRevocations.keyId, keys.keyId), eq(keyEdgeRevocations.edge, edge)),
    )
    .where(and(inArray(keys.keyId, [...keyIds]), or(isVisible, eq(keys.state, "Deleted"))));
  return rows.map(({ key, generation, counter, edgeRevoked, keyRevoked }) => ({
    key: key.state === "Deleted" ? { ...key, state: key.state } : toKey(key),
    epoch: { generation, counter },
    isRevokedAtEdge: edgeRevoked !== null || keyRevoked !== null,
  }));
}

export interface KeyFilter {
  readonly states: readonly KeyState[] | null;
  /** True: keys that users made; false: those that cloud products made. */
  readonly isUserMade: boolean;
  readonly origin: "TENCENT_KMS" | "EXTERNAL" | null;
  readonly keyUsage: string | null;
  /** Part of the key's id or alias. */
  readonly search: string | null;
  /** All of these tags, each with one of the values; any value when there are none. */
  readonly tags: readonly { readonly key: string; readonly values: readonly string[] }[];
}

export interface KeyPage {
  readonly offset: number;
  readonly limit: number;
  readonly order: "newest-first" | "oldest-first";
}

function matching(db: Queryable, scope: KeyScope, filter: KeyFilter): SQL | undefined {
  const isUser = eq(keys.owner, "user");
  const { search } = filter;
  return and(
    isIn(scope),
    filter.isUserMade ? isUser : not(isUser),
    filter.states === null ? undefined : inArray(keys.state, [...filter.states]),
    filter.origin === null ? undefined : eq(keys.origin, filter.origin),
    filter.keyUsage === null ? undefined : eq(keys.keyUsage, filter.keyUsage),
    search === null
      ? undefined
      : or(
          sql`strpos(${keys.alias}, ${search}) > 0`,
          sql`strpos(${keys.keyId}::text, ${search.toLowerCase()}) > 0`,
        ),
    ...filter.tags.map(({ key, values }) =>
      exists(
        db
          .select({ one: sql`1` })
          .from(keyTags)
          .where(
            and(
              eq(keyTags.keyId, keys.keyId),
              eq(keyTags.account, scope.account),
              eq(keyTags.tagKey, key),
              values.length === 0 ? undefined : inArray(keyTags.tagValue, [...values]),
            ),
          ),
      ),
    ),
  );
}

/** One page of the keys that match, and how many match in all. */
export async function listKeys(
  db: Queryable,
  scope: KeyScope,
  filter: KeyFilter,
  page: KeyPage,
): Promise<{ keys: Key[]; total: number }> {
  const direction = page.order === "newest-first" ? desc : asc;
  const where = matching(db, scope, filter);
  const rows = await db
    .select()
    .from(keys)
    .where(where)
    .orderBy(direction(keys.createdAtMs), direction(keys.keyId))
    .limit(page.limit)
    .offset(page.offset);
  return { keys: rows.map(toKey), total: await countMatching(db, scope, filter, where) };
}

/** What is searched for, or tagged, is counted; how many there are of a kind is known. */
async function countMatching(
  db: Queryable,
  scope: KeyScope,
  filter: KeyFilter,
  where: SQL | undefined,
): Promise<number> {
  if (filter.search === null && filter.tags.length === 0) {
    return countKeys(db, { ...scope, ...filter, states: filter.states ?? visibleStates });
  }
  const rows = await db.select({ total: count() }).from(keys).where(where);
  return rows[0]?.total ?? 0;
}

/** The name of the unique index behind AliasAlreadyExists. */
export const aliasConstraint = "keys_alias_unique";

/** Changes fields of a key that was locked in this transaction. */
export async function updateKey(
  tx: Queryable,
  key: Pick<Key, "keyId" | "account">,
  changes: Partial<Omit<Key, "keyId" | "account" | "region">>,
): Promise<void> {
  await tx
    .update(keys)
    .set(changes)
    .where(and(eq(keys.keyId, key.keyId), eq(keys.account, key.account)));
}

/** Notes a version of a key, unless it is there. */
export async function insertVersionOnce(
  tx: Queryable,
  { keyId, account }: Pick<Key, "keyId" | "account">,
  version: number,
  createdAtMs: number,
): Promise<void> {
  await tx
    .insert(keyVersions)
    .values({ keyId, version, account, createdAtMs })
    .onConflictDoNothing();
}
