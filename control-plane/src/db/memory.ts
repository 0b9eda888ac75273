/**
 * PostgreSQL inside this process, in memory: for unit tests and the emulator. One connection, nothing survives the
 * process (on disk PGlite neither syncs nor locks, so it is not offered for keys).
 */

import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { migrate } from "drizzle-orm/pglite/migrator";
import type { Database } from "./database.ts";
import { repeatingLost } from "./database.ts";
import { translatingErrors } from "./errors.ts";
import { migrationsFolder } from "./migrate.ts";

/** A fresh, migrated database. */
export async function openMemory(): Promise<Database> {
  const client = await PGlite.create();
  const db = drizzle(client);
  await translatingErrors(() => migrate(db, { migrationsFolder }));
  const transaction: Database["transaction"] = (work) =>
    repeatingLost(() => translatingErrors(() => db.transaction((tx) => work(tx))));
  const read: Database["read"] = (work) => translatingErrors(() => work(db));
  return {
    transaction,
    longTransaction: transaction,
    read,
    readPromptly: read,
    async listen(channel, onNotice) {
      const stop = await client.listen(channel, () => onNotice());
      onNotice();
      return { close: () => stop() };
    },
    close: () => client.close(),
  };
}
