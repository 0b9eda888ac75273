/** How far the audit chain of each edge instance is stored. */

import { bigint, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

export const edgeChains = pgTable(
  "edge_chains",
  {
    edge: text("edge").notNull(),
    instance: text("instance").notNull(),
    lastSeq: bigint("last_seq", { mode: "number" }).notNull(),
    lastHash: text("last_hash").notNull(),
  },
  (t) => [primaryKey({ columns: [t.edge, t.instance] })],
);
