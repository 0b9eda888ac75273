/** Bringing a database to this version's schema. Forward only. */

import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { readMigrationFiles } from "drizzle-orm/migrator";

export const migrationsFolder = fileURLToPath(new URL("./migrations", import.meta.url));

/** Key of the advisory lock under which one of several starting copies migrates: "edgekms" in ASCII. */
export const migrationLock = sql.raw("28539367893724531");

/** The time of the newest migration in this source tree. */
export function newestKnownMigrationMs(): number {
  const known = readMigrationFiles({ migrationsFolder });
  return Math.max(0, ...known.map((migration) => migration.folderMillis));
}

/** A database that a later version has migrated already: running on it could damage what it holds. */
export class NewerDatabaseError extends Error {
  override readonly name = "NewerDatabaseError";
  constructor() {
    super("the database was written by a newer version of edge-kms; start that version instead");
  }
}

/** @param newestAppliedMs `created_at` of the last applied migration, or null when there is none. */
export function refuseNewerDatabase(newestAppliedMs: number | null): void {
  if (newestAppliedMs !== null && newestAppliedMs > newestKnownMigrationMs()) {
    throw new NewerDatabaseError();
  }
}

/** Reads the last applied migration, null when the table is empty. The table must exist. */
export const newestAppliedMigration = sql<{
  ms: string | null;
}>`select max(created_at)::text as ms from drizzle.__drizzle_migrations`;
