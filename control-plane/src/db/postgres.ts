/** A PostgreSQL server, or an engine that speaks its wire protocol, through `pg`. */

import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import pg from "pg";
import type { Database, Listener, Queryable } from "./database.ts";
import { queryPart } from "./database.ts";
import { translatingErrors } from "./errors.ts";
import {
  migrationLock,
  migrationsFolder,
  newestAppliedMigration,
  refuseNewerDatabase,
} from "./migrate.ts";

export interface PostgresOptions {
  /** `postgresql://…`, with `?host=/socket/folder` for a Unix socket. */
  readonly url: string;
  readonly maxConnections: number;
}

const connectTimeoutMs = 5_000;
const statementTimeoutMs = 15_000;
const relistenAfterMs = 250;

/** Connects, migrates under an advisory lock, and opens the pool. */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const connection = {
    connectionString: options.url,
    application_name: "edge-kms control-plane",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
  await translatingErrors(() => migrateOnce(connection));
  const pool = new pg.Pool({
    ...connection,
    max: options.maxConnections,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
  });
  // An idle connection that breaks is dropped by the pool; whoever needs one next hears of the trouble.
  pool.on("error", () => {});
  const db: Queryable = drizzle(pool);
  return {
    ...queryPart(db),
    listen: (channel, onNotice) => listen(connection, channel, onNotice),
    close: () => pool.end(),
  };
}

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

/** LISTEN on a connection of its own, opened again whenever it breaks. */
async function listen(
  connection: pg.ClientConfig,
  channel: string,
  onNotice: () => void,
): Promise<Listener> {
  let isClosed = false;
  let current: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;

  const connect = async (): Promise<void> => {
    const client = new pg.Client(connection);
    let isOver = false;
    const lost = (): void => {
      if (isOver) return;
      isOver = true;
      if (current === client) current = null;
      void client.end().catch(() => {});
      if (!isClosed) timer = setTimeout(retry, relistenAfterMs);
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", onNotice);
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
    } catch (error) {
      isOver = true;
      void client.end().catch(() => {});
      throw error;
    }
    if (isClosed) return lost();
    current = client;
    onNotice();
  };
  const retry = (): void => {
    connect().catch(() => {
      if (!isClosed) timer = setTimeout(retry, relistenAfterMs);
    });
  };

  await translatingErrors(connect);
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await current?.end().catch(() => {});
    },
  };
}
