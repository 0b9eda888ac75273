/** Signatures that have served, for as long as they could be sent again (`access/replay.ts`). */

import { bigint, boolean, index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";

export const usedSignatures = pgTable(
  "used_signatures",
  {
    secretId: text("secret_id").notNull(),
    signature: text("signature").notNull(),
    account: text("account").notNull(),
    /** SHA-256 over what the signature leaves open: version, action, region and token. */
    binding: text("binding").notNull(),
    isStateChange: boolean("is_state_change").notNull(),
    expiresAtMs: bigint("expires_at_ms", { mode: "number" }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.secretId, t.signature] }),
    index("used_signatures_by_expiry").on(t.expiresAtMs),
  ],
);
