/** Edges that an account has taken everything away from. */

import { bigint, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { accounts } from "./accounts.ts";

export const edgeRevocations = pgTable(
  "edge_revocations",
  {
    account: text("account")
      .notNull()
      .references(() => accounts.account),
    edge: text("edge").notNull(),
    revokedAtMs: bigint("revoked_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.account, t.edge] })],
);
