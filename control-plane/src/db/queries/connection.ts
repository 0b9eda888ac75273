/** Whether the database answers. */

import { sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";

export async function checkConnection(db: Queryable): Promise<void> {
  await db.execute(sql`select 1`);
}
