/** What can be asked of a recorded call, whichever front door recorded it. */

import { bigint, text } from "drizzle-orm/pg-core";

/** Columns taken out of an audit event; the event itself stands beside them, as text, in its one encoding. */
export const eventColumns = () => ({
  account: text("account").notNull(),
  region: text("region").notNull(),
  timeMs: bigint("time_ms", { mode: "number" }).notNull(),
  requestId: text("request_id").notNull(),
  action: text("action").notNull(),
  uin: text("uin").notNull(),
  secretId: text("secret_id").notNull(),
  /** Empty when the call succeeded. */
  errorCode: text("error_code").notNull(),
});
