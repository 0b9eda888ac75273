/** Accounts. Everything else carries the number of the account it belongs to. */

import { sql } from "drizzle-orm";
import { bigint, check, pgTable, text } from "drizzle-orm/pg-core";

export const accounts = pgTable(
  "accounts",
  {
    /** The root account's number (uin), decimal. */
    account: text("account").primaryKey(),
    appId: bigint("app_id", { mode: "number" }).notNull(),
    /**
     * The policy epoch (protocol.md "Epochs"): the counter is raised in the transaction of each change that alters what
     * edges may do; generation and counter never fall behind what the bridge has seen.
     */
    epochGeneration: bigint("epoch_generation", { mode: "number" }).notNull().default(0),
    epochCounter: bigint("epoch_counter", { mode: "number" }).notNull().default(0),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [
    check("accounts_epoch_not_negative", sql`${t.epochCounter} >= 0 and ${t.epochGeneration} >= 0`),
  ],
);
