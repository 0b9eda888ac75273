/**
 * Hosted data keys, each as a ciphertext under its CMK that nothing here can open. `Deleted` is a tombstone without ciphertext: no
 * action sees it, and its name is free.
 */

import { sql } from "drizzle-orm";
import {
  bigint,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { accounts } from "./accounts.ts";
import { keyOrigins, keys } from "./keys.ts";

export const dataKeyStates = ["Enabled", "Disabled", "PendingDelete"] as const;

const ms = (name: string) => bigint(name, { mode: "number" });

export const dataKeys = pgTable(
  "data_keys",
  {
    dataKeyId: uuid("data_key_id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.account),
    region: text("region").notNull(),
    keyId: uuid("key_id")
      .notNull()
      .references(() => keys.keyId),
    name: text("name").notNull(),
    description: text("description").notNull(),
    state: text("state", { enum: [...dataKeyStates, "Deleted"] }).notNull(),
    numberOfBytes: integer("number_of_bytes").notNull(),
    origin: text("origin", { enum: keyOrigins }).notNull(),
    creatorUin: text("creator_uin").notNull(),
    createdAtMs: ms("created_at_ms").notNull(),
    /** While `PendingDelete`. */
    deletionAtMs: ms("deletion_at_ms"),
    /** An envelope, base64; null once deleted. */
    blob: text("blob"),
    /** Of the call that made it: an edge that sends it twice makes one. */
    requestId: uuid("request_id").notNull(),
  },
  (t) => [
    uniqueIndex("data_keys_name_unique")
      .on(t.account, t.region, t.name)
      .where(sql`${t.state} <> 'Deleted'`),
    uniqueIndex("data_keys_request_once").on(t.account, t.requestId),
    index("data_keys_for_listing").on(t.account, t.region, t.createdAtMs, t.dataKeyId),
    index("data_keys_by_key").on(t.keyId),
    index("data_keys_to_delete").on(t.deletionAtMs).where(sql`${t.state} = 'PendingDelete'`),
    check(
      "data_keys_state",
      sql`${t.state} in ('Enabled', 'Disabled', 'PendingDelete', 'Deleted')`,
    ),
    check("data_keys_blob", sql`(${t.state} = 'Deleted') = (${t.blob} is null)`),
  ],
);

/** Tags of hosted data keys, one row each. */
export const dataKeyTags = pgTable(
  "data_key_tags",
  {
    dataKeyId: uuid("data_key_id")
      .notNull()
      .references(() => dataKeys.dataKeyId, { onDelete: "cascade" }),
    account: text("account").notNull(),
    tagKey: text("tag_key").notNull(),
    tagValue: text("tag_value").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.dataKeyId, t.tagKey] }),
    index("data_key_tags_by_value").on(t.account, t.tagKey, t.tagValue),
  ],
);
