/** Putting keys into conditions that no action leads to yet. */

import { eq } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { keys } from "../db/schema/index.ts";

export async function setKeyFields(
  database: Database,
  keyId: string,
  fields: Partial<typeof keys.$inferInsert>,
): Promise<void> {
  await database.read((db) => db.update(keys).set(fields).where(eq(keys.keyId, keyId)));
}
