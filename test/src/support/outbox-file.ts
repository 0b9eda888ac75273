/** The file that an edge instance keeps its outbox in, while the edge is stopped. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Opens the database that has the outbox and hands it to `work`. */
export function withOutbox<T>(storage: string, work: (database: DatabaseSync) => T): T {
  const files = readdirSync(storage, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(storage, file));
    try {
      const found = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").get();
      if (found !== undefined) return work(database);
    } finally {
      database.close();
    }
  }
  throw new Error(`no outbox under ${storage}`);
}

export type OutboxRow = {
  readonly instance: string;
  readonly first_seq: number;
  readonly last_seq: number;
  /** One per line. */
  readonly records: Uint8Array;
};

/** The rows that wait, oldest first. */
export const outboxRows = (storage: string): OutboxRow[] =>
  withOutbox(
    storage,
    (database) =>
      database
        .prepare("SELECT instance, first_seq, last_seq, records FROM outbox ORDER BY id")
        .all() as OutboxRow[],
  );
