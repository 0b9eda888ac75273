/** Versions of CMKs. Their numbers are allocated by the bridge and never used again. */

import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const keyVersions = pgTable(
  "key_versions",
  {
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId),
    version: bigint("version", { mode: "number" }).notNull(),
    account: text("account").notNull(),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.keyId, t.version] })],
);
