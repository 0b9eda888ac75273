/** Incarnations of edges: when they were heard, and how far they said to have recorded. */

import { bigint, index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

const ms = (name: string) => bigint(name, { mode: "number" });

export const edgeInstances = pgTable(
  "edge_instances",
  {
    edge: text("edge").notNull(),
    instance: text("instance").notNull(),
    /** By the database's clock, which all copies of the control plane share. */
    firstHeardAtMs: ms("first_heard_at_ms").notNull(),
    lastHeardAtMs: ms("last_heard_at_ms").notNull(),
    /** When it last answered on the connection it holds, and so knew the epochs; null when it never held one. */
    connectedAtMs: ms("connected_at_ms"),
    /** The newest audit record that it ever said to have written, in a signed request. */
    reportedSeq: bigint("reported_seq", { mode: "number" }).notNull().default(0),
    /** When its successor said that nothing of it waits any more. */
    settledAtMs: ms("settled_at_ms"),
  },
  (t) => [
    primaryKey({ columns: [t.edge, t.instance] }),
    index("edge_instances_by_time").on(t.edge, t.lastHeardAtMs),
  ],
);
