/** What operators have frozen at the bridge, as far as the epochs here were raised for it (`connections/freezes.ts`). */

import { bigint, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

export const bridgeFreezes = pgTable(
  "bridge_freezes",
  {
    kind: text("kind", { enum: ["edge", "key", "account"] }).notNull(),
    id: text("id").notNull(),
    frozenAtMs: bigint("frozen_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.kind, t.id] })],
);
