/** A PostgreSQL server, or an engine that speaks its wire protocol, through `pg`. */

import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import type { DatabaseTimes } from "../config.ts";
import { openConnections } from "./connections.ts";
import { type Database, repeatingLost } from "./database.ts";
import { DatabaseError, translatingErrors } from "./errors.ts";
import { listen } from "./listen.ts";
import {
  migrationLock,
  migrationsFolder,
  newestAppliedMigration,
  refuseNewerDatabase,
} from "./migrate.ts";
import { runRead, runTransaction } from "./transaction.ts";

export interface PostgresOptions {
  /** `postgresql://…`, with `?host=/socket/folder` for a Unix socket. */
  readonly url: string;
  readonly maxConnections: number;
  readonly times: DatabaseTimes;
  /** Told once, when the database does not accept connections yet. */
  readonly onWait?: (reason: DatabaseError) => void;
}

/** Jobs take turns in these; they are beside those of the callers. */
const maxLongConnections = 2;
/** What the client waits beyond the server's own limit: the server's answer is the better one. */
const graceMs = 1_000;
const promptMs = 1_500;
const retryStartMs = 250;

/** Waits until the server accepts connections, migrates under an advisory lock, and opens the pool. */
export async function openPostgres({
  url,
  maxConnections,
  times,
  onWait,
}: PostgresOptions): Promise<Database> {
  const connection = {
    connectionString: url,
    application_name: "edge-kms control-plane",
    connectionTimeoutMillis: times.connectMs,
    keepAlive: true,
  };
  await untilStarted(
    () => translatingErrors(() => migrateOnce(connection)),
    times.startMs,
    onWait ?? (() => {}),
  );
  const limited = (max: number, statementMs: number) =>
    openConnections(
      {
        ...connection,
        max,
        statement_timeout: statementMs,
        query_timeout: statementMs + graceMs,
        lock_timeout: times.lockMs,
        idle_in_transaction_session_timeout: times.idleInTransactionMs,
      },
      times.connectMs,
    );
  const calls = limited(maxConnections, times.statementMs);
  const jobs = limited(maxLongConnections, times.longStatementMs);
  return {
    transaction: (work) => repeatingLost(() => runTransaction(calls, work)),
    longTransaction: (work) => repeatingLost(() => runTransaction(jobs, work)),
    read: (work) => runRead(calls, work, { repeatWithinMs: times.connectMs }),
    readPromptly: (work) =>
      runRead(calls, work, { repeatWithinMs: 2 * promptMs, limitMs: promptMs }),
    listen: (channel, onNotice) => listen(connection, channel, onNotice),
    close: async () => void (await Promise.all([calls.close(), jobs.close()])),
  };
}

/** A database that starts beside the control plane, or fails over at this moment, is waited for. */
async function untilStarted(
  open: () => Promise<void>,
  startMs: number,
  onWait: (reason: DatabaseError) => void,
): Promise<void> {
  const endMs = performance.now() + startMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      const isAway = error instanceof DatabaseError && error.kind === "unavailable";
      if (!isAway || performance.now() + retryStartMs >= endMs) throw error;
      if (attempt === 1) onWait(error);
      await sleep(retryStartMs);
    }
  }
}

/** Without limits of time: a migration of much data takes what it takes, and so does waiting for another copy's. */
async function migrateOnce(connection: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(connection);
  client.on("error", () => {});
  await client.connect();
  try {
    const db = drizzle(client);
    // Held by the session: released at the end of it, however it ends.
    await db.execute(sql`select pg_advisory_lock(${migrationLock})`);
    await migrate(db, { migrationsFolder });
    const applied = await db.execute<{ ms: string | null }>(newestAppliedMigration);
    const ms = applied.rows[0]?.ms ?? null;
    refuseNewerDatabase(ms === null ? null : Number(ms));
  } finally {
    await client.end();
  }
}
