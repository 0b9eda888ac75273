/** Branch-key leases that were passed on to edges, from before they left until they are over. */

import { bigint, index, pgTable, text, uuid } from "drizzle-orm/pg-core";

const ms = (name: string) => bigint(name, { mode: "number" });

export const edgeLeases = pgTable(
  "edge_leases",
  {
    leaseId: text("lease_id").primaryKey(),
    edge: text("edge").notNull(),
    instance: text("instance").notNull(),
    account: text("account").notNull(),
    region: text("region").notNull(),
    keyId: uuid("key_id").notNull(),
    version: bigint("version", { mode: "number" }).notNull(),
    branch: text("branch").notNull(),
    epochGeneration: ms("epoch_generation").notNull(),
    epochCounter: ms("epoch_counter").notNull(),
    maxOperations: bigint("max_operations", { mode: "number" }).notNull(),
    maxUnacknowledged: bigint("max_unacknowledged", { mode: "number" }).notNull(),
    /** By the bridge's clock, as the grant has them. */
    grantedAtMs: ms("granted_at_ms").notNull(),
    expiresAtMs: ms("expires_at_ms").notNull(),
  },
  (t) => [
    index("edge_leases_by_key").on(t.keyId, t.expiresAtMs),
    index("edge_leases_by_edge").on(t.account, t.edge, t.expiresAtMs),
    index("edge_leases_by_expiry").on(t.expiresAtMs),
  ],
);
