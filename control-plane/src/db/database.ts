/**
 * The database as the other rooms see it: transactions, reads, and word of changes. Queries are in `queries/`, one file
 * per noun; Drizzle is imported in this folder only.
 */

import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { DatabaseError, translatingErrors } from "./errors.ts";

/** What queries run on: inside a transaction that one, else the pool. */
export type Queryable = PgDatabase<PgQueryResultHKT, Record<string, never>>;

/** A standing LISTEN. */
export interface Listener {
  close(): Promise<void>;
}

export interface Database {
  /**
   * Runs `work` in one transaction (READ COMMITTED), committed when it returns and rolled back when it throws. Lost
   * deadlocks are repeated, so `work` must do nothing but queries, and only on the handle it is given.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Runs single statements outside of a transaction. */
  read<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Calls `onNotice` for each NOTIFY on the channel, and once after each (re)connection, when notices may have been lost. */
  listen(channel: string, onNotice: () => void): Promise<Listener>;
  /** Waits for what runs, then closes all connections. */
  close(): Promise<void>;
}

const maxAttempts = 4;

/** `Database` without the parts that differ between engines. */
export function queryPart(db: Queryable): Pick<Database, "transaction" | "read"> {
  return {
    read: (work) => translatingErrors(() => work(db)),
    async transaction(work) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await translatingErrors(() => db.transaction((tx) => work(tx)));
        } catch (error) {
          const isLost = error instanceof DatabaseError && error.kind === "conflict";
          if (!isLost || attempt === maxAttempts) throw error;
        }
      }
    },
  };
}
