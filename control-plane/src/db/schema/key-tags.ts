/** Tags of CMKs, one row each. */

import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { keys } from "./keys.ts";

export const keyTags = pgTable(
  "key_tags",
  {
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId, { onDelete: "cascade" }),
    account: text("account").notNull(),
    tagKey: text("tag_key").notNull(),
    tagValue: text("tag_value").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.keyId, t.tagKey] }),
    index("key_tags_by_value").on(t.account, t.tagKey, t.tagValue),
  ],
);
