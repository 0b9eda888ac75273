/**
 * The database as the other rooms see it: transactions, reads, and word of changes. Queries are in `queries/`, one file
 * per noun; Drizzle is imported in this folder only.
 */

import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { DatabaseError } from "./errors.ts";

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
   *
   * @throws DatabaseError; of the kind `in-doubt` when nobody knows whether it was committed.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** As `transaction`, for jobs that may go through many rows: with more time, and apart from what callers wait for. */
  longTransaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs single statements outside of a transaction. After a lost connection they are repeated: they only
   * read, or write what may be written twice.
   */
  read<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /**
   * As `read`, for what must be known now or not at all: a connection without an answer in 1.5 s is given up
   * for another one.
   */
  readPromptly<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Calls `onNotice` for each NOTIFY on the channel, and once after each (re)connection, when notices may have been lost. */
  listen(channel: string, onNotice: () => void): Promise<Listener>;
  /** Waits for what runs, then closes all connections. */
  close(): Promise<void>;
}

const maxAttempts = 4;

/** Repeats a transaction that lost to a concurrent one. */
export async function repeatingLost<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const isLost = error instanceof DatabaseError && error.kind === "conflict";
      if (!isLost || attempt === maxAttempts) throw error;
    }
  }
}
