/**
 * What an edge instance was trusted with for an account: the bound on calls that it may have answered and not delivered
 * (protocol.md "At most N unaccounted").
 */

import { bigint, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

const ms = (name: string) => bigint(name, { mode: "number" });

export const edgeInstanceBudgets = pgTable(
  "edge_instance_budgets",
  {
    account: text("account").notNull(),
    edge: text("edge").notNull(),
    instance: text("instance").notNull(),
    /** The most that any credential granted to it for this account allowed; it never falls. */
    maxUnacknowledged: bigint("max_unacknowledged", { mode: "number" }).notNull(),
    /** Not before the end of its last lease for this account; rounded up. */
    leasesEndAtMs: ms("leases_end_at_ms").notNull(),
    /** When someone of the account wrote it off. */
    acceptedAtMs: ms("accepted_at_ms"),
  },
  (t) => [primaryKey({ columns: [t.account, t.edge, t.instance] })],
);
