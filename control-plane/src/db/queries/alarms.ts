/** Alarms about keys that wait for deletion, and the keys that one is due for. */

import { and, asc, count, desc, eq, gt, gte, inArray, lte, type SQL } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { alarms, keys } from "../schema/index.ts";
import type { KeyScope } from "./keys.ts";

export type Alarm = typeof alarms.$inferSelect;
export type NewAlarm = typeof alarms.$inferInsert;
export type AlarmKind = Alarm["kind"];

/** Records alarms; a reminder that is there already is left out. Answers those that are new. */
export async function insertAlarms(tx: Queryable, rows: readonly NewAlarm[]): Promise<Alarm[]> {
  if (rows.length === 0) return [];
  return tx
    .insert(alarms)
    .values([...rows])
    .onConflictDoNothing()
    .returning();
}

/** A key that waits for deletion, as far as an alarm tells of it. */
export interface DoomedKey extends KeyScope {
  readonly keyId: string;
  readonly alias: string;
  readonly deletionAtMs: number;
  /** Null while it can still be taken back. */
  readonly deletedAtMs: number | null;
}

const doomedColumns = {
  keyId: keys.keyId,
  account: keys.account,
  region: keys.region,
  alias: keys.alias,
  deletionAtMs: keys.deletionAtMs,
  deletedAtMs: keys.deletedAtMs,
};

/** Those of the keys that wait for deletion, or have waited for it until they were destroyed, whatever their account. */
export async function findDoomedKeys(
  db: Queryable,
  keyIds: readonly string[],
): Promise<DoomedKey[]> {
  if (keyIds.length === 0) return [];
  const rows = await db
    .select(doomedColumns)
    .from(keys)
    .where(
      and(inArray(keys.keyId, [...keyIds]), inArray(keys.state, ["PendingDelete", "Deleted"])),
    );
  return rows.flatMap(withDate);
}

/** Keys whose date lies after `nowMs` and not after `untilMs`, in the order of their ids, from behind `afterId`. */
export async function findKeysToBeDeleted(
  db: Queryable,
  {
    nowMs,
    untilMs,
    afterId,
    limit,
  }: { nowMs: number; untilMs: number; afterId: string; limit: number },
): Promise<DoomedKey[]> {
  const rows = await db
    .select(doomedColumns)
    .from(keys)
    .where(
      and(
        eq(keys.state, "PendingDelete"),
        gt(keys.deletionAtMs, nowMs),
        lte(keys.deletionAtMs, untilMs),
        gt(keys.keyId, afterId),
      ),
    )
    .orderBy(asc(keys.keyId))
    .limit(limit);
  return rows.flatMap(withDate);
}

function withDate(
  row: Omit<DoomedKey, "deletionAtMs"> & { readonly deletionAtMs: number | null },
): DoomedKey[] {
  return row.deletionAtMs === null ? [] : [{ ...row, deletionAtMs: row.deletionAtMs }];
}

export interface AlarmFilter extends KeyScope {
  readonly keyId: string | null;
  readonly kind: AlarmKind | null;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One page, newest first, and how many there are in all. */
export async function listAlarms(
  db: Queryable,
  filter: AlarmFilter,
  page: { readonly offset: number; readonly limit: number },
): Promise<{ readonly total: number; readonly rows: readonly Alarm[] }> {
  const where: SQL | undefined = and(
    eq(alarms.account, filter.account),
    eq(alarms.region, filter.region),
    gte(alarms.timeMs, filter.fromMs),
    lte(alarms.timeMs, filter.untilMs),
    filter.keyId === null ? undefined : eq(alarms.keyId, filter.keyId),
    filter.kind === null ? undefined : eq(alarms.kind, filter.kind),
  );
  const [total] = await db.select({ n: count() }).from(alarms).where(where);
  const rows =
    page.limit === 0
      ? []
      : await db
          .select()
          .from(alarms)
          .where(where)
          .orderBy(desc(alarms.timeMs), desc(alarms.id))
          .offset(page.offset)
          .limit(page.limit);
  return { total: total?.n ?? 0, rows };
}
