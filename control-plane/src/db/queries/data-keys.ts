/** Hosted data keys as the actions see them; tombstones are invisible here. */

import {
  and,
  asc,
  count,
  desc,
  eq,
  exists,
  getTableColumns,
  inArray,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { dataKeyStates } from "../schema/data-keys.ts";
import { dataKeys, dataKeyTags, keys } from "../schema/index.ts";
import type { KeyPage, KeyScope, KeyState } from "./keys.ts";

export type DataKeyState = (typeof dataKeyStates)[number];

/** A hosted data key, with what its metadata tells of its CMK. */
export interface DataKey extends Omit<typeof dataKeys.$inferSelect, "state" | "blob"> {
  readonly state: DataKeyState;
  readonly blob: string;
  readonly keyAlias: string;
  /** Of the CMK; `Deleted` once it is destroyed. */
  readonly keyState: KeyState | "Deleted";
  /** When the CMK's imported material ends; null for never. */
  readonly keyValidToMs: number | null;
}

export type NewDataKey = Omit<typeof dataKeys.$inferInsert, "state" | "deletionAtMs" | "blob"> & {
  readonly blob: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
};

const isIn = (scope: KeyScope): SQL | undefined =>
  and(
    eq(dataKeys.account, scope.account),
    eq(dataKeys.region, scope.region),
    inArray(dataKeys.state, [...dataKeyStates]),
  );

const columns = {
  ...getTableColumns(dataKeys),
  keyAlias: keys.alias,
  keyState: keys.state,
  keyValidToMs: keys.validToMs,
};

function toDataKey(
  row: typeof dataKeys.$inferSelect & {
    readonly keyAlias: string;
    readonly keyState: (typeof keys.$inferSelect)["state"];
    readonly keyValidToMs: number | null;
  },
): DataKey {
  const { state, blob, keyState } = row;
  const isVisible = keyState !== "Creating" && keyState !== "Abandoned";
  if (state === "Deleted" || blob === null || !isVisible)
    throw new TypeError("a data key that users do not see was read");
  return { ...row, state, blob, keyState };
}

const select = (db: Queryable) =>
  db.select(columns).from(dataKeys).innerJoin(keys, eq(keys.keyId, dataKeys.keyId));

export async function findDataKey(
  db: Queryable,
  scope: KeyScope,
  dataKeyId: string,
): Promise<DataKey | null> {
  const rows = await select(db).where(and(eq(dataKeys.dataKeyId, dataKeyId), isIn(scope)));
  return rows[0] === undefined ? null : toDataKey(rows[0]);
}

/** Those that exist in the scope, in no particular order. */
export async function findDataKeys(
  db: Queryable,
  scope: KeyScope,
  dataKeyIds: readonly string[],
): Promise<DataKey[]> {
  const rows = await select(db).where(
    and(inArray(dataKeys.dataKeyId, [...dataKeyIds]), isIn(scope)),
  );
  return rows.map(toDataKey);
}

/** As {@link findDataKeys}, locked in the order of their ids so that no two callers wait for each other. */
export async function lockDataKeys(
  tx: Queryable,
  scope: KeyScope,
  dataKeyIds: readonly string[],
): Promise<DataKey[]> {
  const rows = await select(tx)
    .where(and(inArray(dataKeys.dataKeyId, [...dataKeyIds]), isIn(scope)))
    .orderBy(asc(dataKeys.dataKeyId))
    .for("update", { of: dataKeys });
  return rows.map(toDataKey);
}

/** The name of the unique index behind DataKeyNameAlreadyExists. */
export const dataKeyNameConstraint = "data_keys_name_unique";

/** Until the end of the transaction no other data key comes into being in this account and region. */
export async function lockDataKeyQuota(tx: Queryable, scope: KeyScope): Promise<void> {
  const name = `data-key-quota:${scope.account}:${scope.region}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

/** How many count against the quota: all but those that wait for deletion, as with CMKs. */
export async function countDataKeys(db: Queryable, scope: KeyScope): Promise<number> {
  const rows = await db
    .select({ n: count() })
    .from(dataKeys)
    .where(and(isIn(scope), ne(dataKeys.state, "PendingDelete")));
  return rows[0]?.n ?? 0;
}

/** The data key that a call has stored before, or null. */
export async function findByRequest(
  tx: Queryable,
  account: string,
  requestId: string,
): Promise<{ readonly dataKeyId: string } | null> {
  const rows = await tx
    .select({ dataKeyId: dataKeys.dataKeyId })
    .from(dataKeys)
    .where(and(eq(dataKeys.account, account), eq(dataKeys.requestId, requestId)));
  return rows[0] ?? null;
}

/** A `unique-violation` of `dataKeyNameConstraint` when the name is taken. */
export async function insertDataKey(tx: Queryable, { tags, ...row }: NewDataKey): Promise<void> {
  await tx.insert(dataKeys).values({ ...row, state: "Enabled" });
  if (tags.length === 0) return;
  await tx.insert(dataKeyTags).values(
    tags.map((tag) => ({
      dataKeyId: row.dataKeyId,
      account: row.account,
      tagKey: tag.key,
      tagValue: tag.value,
    })),
  );
}

/** Changes fields of a data key that was locked, or made, in this transaction. */
export async function updateDataKey(
  tx: Queryable,
  { dataKeyId }: Pick<DataKey, "dataKeyId">,
  changes: Partial<
    Pick<DataKey, "state" | "name" | "description" | "deletionAtMs" | "blob" | "keyId">
  >,
): Promise<void> {
  await tx.update(dataKeys).set(changes).where(eq(dataKeys.dataKeyId, dataKeyId));
}

export interface DataKeyFilter {
  readonly states: readonly DataKeyState[] | null;
  readonly origin: "TENCENT_KMS" | "EXTERNAL" | null;
  readonly keyId: string | null;
  readonly numberOfBytes: number | null;
  /** Part of the id or the name. */
  readonly search: string | null;
  /** All of these tags, each with one of the values; any value when there are none. */
  readonly tags: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** One page of the data keys that match, and how many match in all. */
export async function listDataKeys(
  db: Queryable,
  scope: KeyScope,
  filter: DataKeyFilter,
  page: KeyPage,
): Promise<{ readonly dataKeys: DataKey[]; readonly total: number }> {
  const { search } = filter;
  const where = and(
    isIn(scope),
    filter.states === null ? undefined : inArray(dataKeys.state, [...filter.states]),
    filter.origin === null ? undefined : eq(dataKeys.origin, filter.origin),
    filter.keyId === null ? undefined : eq(dataKeys.keyId, filter.keyId),
    filter.numberOfBytes === null ? undefined : eq(dataKeys.numberOfBytes, filter.numberOfBytes),
    search === null
      ? undefined
      : or(
          sql`strpos(${dataKeys.name}, ${search}) > 0`,
          sql`strpos(${dataKeys.dataKeyId}::text, ${search.toLowerCase()}) > 0`,
        ),
    ...filter.tags.map(({ key, values }) =>
      exists(
        db
          .select({ one: sql`1` })
          .from(dataKeyTags)
          .where(
            and(
              eq(dataKeyTags.dataKeyId, dataKeys.dataKeyId),
              eq(dataKeyTags.account, scope.account),
              eq(dataKeyTags.tagKey, key),
              values.length === 0 ? undefined : inArray(dataKeyTags.tagValue, [...values]),
            ),
          ),
      ),
    ),
  );
  const direction = page.order === "newest-first" ? desc : asc;
  const rows = await select(db)
    .where(where)
    .orderBy(direction(dataKeys.createdAtMs), direction(dataKeys.dataKeyId))
    .limit(page.limit)
    .offset(page.offset);
  const total = await db.select({ n: count() }).from(dataKeys).where(where);
  return { dataKeys: rows.map(toDataKey), total: total[0]?.n ?? 0 };
}

/** Makes tombstones of those whose date has come: the ciphertext goes, the row stays. How many. */
export async function deleteDueDataKeys(tx: Queryable, nowMs: number): Promise<number> {
  const rows = await tx
    .update(dataKeys)
    .set({ state: "Deleted", blob: null })
    .where(and(eq(dataKeys.state, "PendingDelete"), lte(dataKeys.deletionAtMs, nowMs)))
    .returning({ dataKeyId: dataKeys.dataKeyId });
  return rows.length;
}
