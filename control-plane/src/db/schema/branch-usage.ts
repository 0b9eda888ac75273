/** What audit records tell of the use of each branch key. */

import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const branchUsage = pgTable(
  "branch_usage",
  {
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId),
    version: bigint("version", { mode: "number" }).notNull(),
    branch: text("branch").notNull(),
    messagesEncrypted: bigint("messages_encrypted", { mode: "number" }).notNull(),
    lastUsedAtMs: bigint("last_used_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.keyId, t.version, t.branch] })],
);
