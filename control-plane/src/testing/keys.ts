/** Looking at keys, and putting them into conditions, past the code under test. */

import { asc, eq } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { keys, keyVersions } from "../db/schema/index.ts";

export async function setKeyFields(
  database: Database,
  keyId: string,
  fields: Partial<typeof keys.$inferInsert>,
): Promise<void> {
  await database.read((db) => db.update(keys).set(fields).where(eq(keys.keyId, keyId)));
}

/** The row, tombstones included. */
export async function keyRowOf(
  database: Database,
  keyId: string,
): Promise<typeof keys.$inferSelect | undefined> {
  const rows = await database.read((db) => db.select().from(keys).where(eq(keys.keyId, keyId)));
  return rows[0];
}

/** Numbers of the versions that the database knows, oldest first. */
export async function versionsOfKey(database: Database, keyId: string): Promise<number[]> {
  const rows = await database.read((db) =>
    db
      .select({ version: keyVersions.version })
      .from(keyVersions)
      .where(eq(keyVersions.keyId, keyId))
      .orderBy(asc(keyVersions.version)),
  );
  return rows.map(({ version }) => version);
}
