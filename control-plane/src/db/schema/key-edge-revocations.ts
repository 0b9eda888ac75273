/** CMKs that are taken away from single edges. */

import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const keyEdgeRevocations = pgTable(
  "key_edge_revocations",
  {
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId),
    edge: text("edge").notNull(),
    account: text("account").notNull(),
    revokedAtMs: bigint("revoked_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.keyId, t.edge] })],
);
