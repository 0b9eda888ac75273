/** The counters of use, past the code under test. */

import { readFileSync } from "node:fs";
import { sql } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { branchUsage, keyUsage } from "../db/schema/index.ts";

/** Everything that is counted, in order. */
export async function usageRows(database: Database) {
  const { keyId } = keyUsage;
  const { version, branch } = branchUsage;
  return {
    keys: await database.read((db) => db.select().from(keyUsage).orderBy(keyId)),
    branches: await database.read((db) =>
      db.select().from(branchUsage).orderBy(branchUsage.keyId, version, branch),
    ),
  };
}

/** Empties the counters and fills them from the stored records, as the migration that made them does. */
export async function refillUsage(database: Database): Promise<void> {
  const file = new URL("../db/migrations/0008_key-usage.sql", import.meta.url);
  const inserts = readFileSync(file, "utf8")
    .split("--> statement-breakpoint")
    .filter((statement) => /^INSERT/m.test(statement));
  await database.transaction(async (tx) => {
    await tx.delete(keyUsage);
    await tx.delete(branchUsage);
    for (const insert of inserts) await tx.execute(sql.raw(insert));
  });
}
