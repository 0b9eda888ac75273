/** The state of the bridge that `bridge_freezes` is of. One row. */

import { sql } from "drizzle-orm";
import { bigint, check, integer, pgTable } from "drizzle-orm/pg-core";

export const bridgeRevisions = pgTable(
  "bridge_revisions",
  {
    id: integer("id").primaryKey(),
    generation: bigint("generation", { mode: "number" }).notNull(),
    freezesRevision: bigint("freezes_revision", { mode: "number" }).notNull(),
  },
  (t) => [check("bridge_revisions_one_row", sql`${t.id} = 1`)],
);
