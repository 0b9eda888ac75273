/** When CMKs were last used, as audit records tell. A row of its own, so that the counting waits for no change of the key. */

import { bigint, pgTable, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const keyUsage = pgTable("key_usage", {
  keyId: uuid("key_id")
    .primaryKey()
    .references(() => keys.keyId),
  lastUsedAtMs: bigint("last_used_at_ms", { mode: "number" }).notNull(),
});
