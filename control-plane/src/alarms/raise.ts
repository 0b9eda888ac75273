/** Recording alarms and putting word of them on its way, in one transaction. */

import type { Queryable } from "../db/index.ts";
import { insertAlarms, type NewAlarm } from "../db/queries/alarms.ts";
import { notifyOf } from "../db/queries/notifications.ts";

/** Rows of one statement: PostgreSQL takes 65,535 values. */
const batch = 500;

export async function raise(
  tx: Queryable,
  rows: readonly NewAlarm[],
  nowMs: number,
): Promise<void> {
  for (let n = 0; n < rows.length; n += batch) {
    await notifyOf(tx, await insertAlarms(tx, rows.slice(n, n + batch)), nowMs);
  }
}
