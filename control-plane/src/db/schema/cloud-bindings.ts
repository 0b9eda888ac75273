/** Cloud products that use a CMK: it cannot be disabled, archived or deleted as long as there is one. */

import { bigint, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const cloudBindings = pgTable(
  "cloud_bindings",
  {
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId),
    productId: text("product_id").notNull(),
    resourceId: text("resource_id").notNull(),
    account: text("account").notNull(),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.keyId, t.productId, t.resourceId] })],
);
