/** Calls that the control plane answered or refused, written in the transaction of the change they made. */

import { bigint, index, pgTable, text } from "drizzle-orm/pg-core";
import { eventColumns } from "./event-columns.ts";

export const callEvents = pgTable(
  "call_events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** The event's one encoding (`encodeAuditEvent`, protocol/src/wire/audit.ts). */
    event: text("event").notNull(),
    ...eventColumns(),
  },
  (t) => [index("call_events_by_account").on(t.account, t.timeMs, t.id)],
);
