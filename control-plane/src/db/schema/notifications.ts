/**
 * What is on its way to targets: a row is made in the transaction of its alarm and stands until it is delivered or given up.
 * Alarms of one kind about one key that come while a row still waits, or is being delivered, join it, so that a flood of attempts
 * does not become a flood of messages.
 */

import { sql } from "drizzle-orm";
import {
  bigint,
  check,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { alarmKinds, alarms } from "./alarms.ts";
import { notificationTargets } from "./notification-targets.ts";

const ms = (name: string) => bigint(name, { mode: "number" });

export const notifications = pgTable(
  "notifications",
  {
    notificationId: uuid("notification_id").primaryKey(),
    targetId: uuid("target_id")
      .notNull()
      .references(() => notificationTargets.targetId, { onDelete: "cascade" }),
    account: text("account").notNull(),
    /** Null for a test that someone asked for. */
    keyId: uuid("key_id"),
    kind: text("kind", { enum: [...alarmKinds, "Test"] }).notNull(),
    /** The newest of the alarms that it tells of. */
    alarmId: bigint("alarm_id", { mode: "number" }).references(() => alarms.id),
    /** Alarms that the target has not been told of. */
    untold: integer("untold").notNull(),
    state: text("state", { enum: ["Waiting", "Delivered", "GivenUp"] }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    dueAtMs: ms("due_at_ms").notNull(),
    /** While someone delivers it: when others may take that over. */
    claimedUntilMs: ms("claimed_until_ms"),
    createdAtMs: ms("created_at_ms").notNull(),
    settledAtMs: ms("settled_at_ms"),
    /** What the last attempt came to: a few fixed words, never a receiver's. */
    lastResult: text("last_result").notNull().default(""),
  },
  (t) => [
    uniqueIndex("notifications_waiting_once")
      .on(t.targetId, t.keyId, t.kind)
      .where(sql`${t.state} = 'Waiting' and ${t.kind} <> 'Test'`),
    index("notifications_due").on(t.dueAtMs).where(sql`${t.state} = 'Waiting'`),
    index("notifications_by_target").on(t.targetId, t.createdAtMs),
    check("notifications_state", sql`${t.state} in ('Waiting', 'Delivered', 'GivenUp')`),
  ],
);
