/** Whether the database answers, and takes changes. */

import { sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { DatabaseError } from "../errors.ts";

/**
 * Commits a change that leaves no trace but in the log of the database, and so waits for the disk, and for a standby where
 * commits wait for one.
 *
 * @throws DatabaseError.
 */
export async function checkDatabase(db: Queryable): Promise<void> {
  const [row] = await db
    .select({
      readOnly: sql<string>`current_setting('transaction_read_only')`,
      position: sql`pg_logical_emit_message(true, 'edge-kms', '')::text`,
    })
    .from(sql`(values (1)) as once`);
  if (row?.readOnly !== "off") throw new DatabaseError("unavailable", "25006", undefined);
}
