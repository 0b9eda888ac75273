/**
 * How many CMKs there are of each kind, so that no list has to count them. A trigger on `keys` adds a row for each change of a number
 * (`queries/key-counts.ts` folds them together now and then); nobody waits for anybody, and a transaction sees its own.
 */

import { boolean, index, integer, pgTable, text } from "drizzle-orm/pg-core";

export const keyCounts = pgTable(
  "key_counts",
  {
    account: text("account").notNull(),
    region: text("region").notNull(),
    isUserMade: boolean("is_user_made").notNull(),
    state: text("state").notNull(),
    keyUsage: text("key_usage").notNull(),
    origin: text("origin").notNull(),
    /** To be added up; may be negative. */
    n: integer("n").notNull(),
  },
  (t) => [index("key_counts_by_scope").on(t.account, t.region)],
);
