/** Access keys. The SecretKey is here only as the bridge sealed it, bound to SecretId and principal. */

import { sql } from "drizzle-orm";
import { bigint, check, index, pgTable, text } from "drizzle-orm/pg-core";
import { accounts } from "./accounts.ts";

export const accessKeys = pgTable(
  "access_keys",
  {
    secretId: text("secret_id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.account),
    /** Whose key it is: the account's own number for root. */
    uin: text("uin").notNull(),
    principalType: text("principal_type", { enum: ["root", "user"] }).notNull(),
    sealed: text("sealed").notNull(),
    /** Labels of the tokens that it was last sealed for, as the job that does so writes them; null where it never had to. */
    sealedFor: text("sealed_for"),
    status: text("status", { enum: ["Active", "Inactive"] }).notNull(),
    createdAtMs: bigint("created_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [
    index("access_keys_by_owner").on(t.account, t.uin),
    check("access_keys_principal_type", sql`${t.principalType} in ('root', 'user')`),
    check("access_keys_status", sql`${t.status} in ('Active', 'Inactive')`),
  ],
);
