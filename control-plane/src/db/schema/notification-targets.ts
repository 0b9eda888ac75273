/** Whom an account wants to be told of its alarms. No secret is here but what an address itself is (a robot's URL). */

import { sql } from "drizzle-orm";
import { bigint, check, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { accounts } from "./accounts.ts";

export const targetKinds = ["webhook", "wecom", "email"] as const;

export const notificationTargets = pgTable(
  "notification_targets",
  {
    targetId: uuid("target_id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.account),
    kind: text("kind", { enum: targetKinds }).notNull(),
    /** A URL, or a mail address. */
    address: text("address").notNull(),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [
    uniqueIndex("notification_targets_once").on(t.account, t.kind, t.address),
    check("notification_targets_kind", sql`${t.kind} in ('webhook', 'wecom', 'email')`),
  ],
);
