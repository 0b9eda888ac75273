/** Audit records of edge instances, exactly as they were delivered, each once. */

import { bigint, index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { eventColumns } from "./event-columns.ts";

export const edgeAuditRecords = pgTable(
  "edge_audit_records",
  {
    edge: text("edge").notNull(),
    instance: text("instance").notNull(),
    seq: bigint("seq", { mode: "number" }).notNull(),
    prev: text("prev").notNull(),
    /** SHA-256 of `record`, lower-case hexadecimal. */
    hash: text("hash").notNull(),
    /** The record's one encoding (protocol/src/wire/audit.ts). */
    record: text("record").notNull(),
    receivedAtMs: bigint("received_at_ms", { mode: "number" }).notNull(),
    ...eventColumns(),
  },
  (t) => [
    primaryKey({ columns: [t.edge, t.instance, t.seq] }),
    index("edge_audit_records_by_account").on(t.account, t.timeMs),
  ],
);
