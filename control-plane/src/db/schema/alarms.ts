/** Alarms about keys that wait for deletion (console guide G8.4, G8.5). Rows are never changed. */

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

export const alarmKinds = ["UseOfKeyPendingDeletion", "DeletionApproaching"] as const;

export const alarms = pgTable(
  "alarms",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    account: text("account").notNull(),
    region: text("region").notNull(),
    /** No reference: an alarm outlives its key. */
    keyId: uuid("key_id").notNull(),
    /** As it was then. */
    alias: text("alias").notNull(),
    kind: text("kind", { enum: alarmKinds }).notNull(),
    timeMs: bigint("time_ms", { mode: "number" }).notNull(),
    deletionAtMs: bigint("deletion_at_ms", { mode: "number" }).notNull(),
    /** DeletionApproaching: 3, 2 or 1. */
    daysLeft: integer("days_left"),
    /** UseOfKeyPendingDeletion: the call that was refused; empty otherwise. */
    requestId: text("request_id").notNull().default(""),
    action: text("action").notNull().default(""),
    uin: text("uin").notNull().default(""),
    secretId: text("secret_id").notNull().default(""),
    sourceAddress: text("source_address").notNull().default(""),
  },
  (t) => [
    index("alarms_by_account").on(t.account, t.timeMs, t.id),
    index("alarms_by_key").on(t.keyId, t.timeMs),
    // One reminder a day for one date, however many control planes look.
    uniqueIndex("alarms_reminder_once")
      .on(t.keyId, t.deletionAtMs, t.daysLeft)
      .where(sql`${t.kind} = 'DeletionApproaching'`),
    check("alarms_kind", sql`${t.kind} in ('UseOfKeyPendingDeletion', 'DeletionApproaching')`),
  ],
);
