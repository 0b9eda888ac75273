/**
 * Connections to a PostgreSQL server, lent one at a time, and what is done about those that die.
 *
 * A connection may have died since it was last used: with a packet that says so, or in silence (a host that is gone, a process
 * that is stopped, a firewall that forgot). So a connection is proven before work is given to it, in a second at most, and
 * whoever needs one waits a while for one that works instead of failing with the first that does not. Nothing of the work
 * has been sent by then, so nothing is done twice.
 *
 * After a loss the connections beside it are not trusted either: they are closed, and new ones are made. Their names are
 * resolved again, which is how a failover is followed.
 */

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { DatabaseError, endsConnection, translate, translatingErrors } from "./errors.ts";

/** A connection while somebody has it. */
export interface Lent {
  readonly client: pg.PoolClient;
  /**
   * Gives the connection back, unless it was discarded.
   *
   * @param failure what came of the work, when it failed; a connection that ended with it is closed.
   */
  giveBack(failure?: unknown): void;
  /** Closes the connection, whatever runs on it: nobody knows what state it is in. */
  discard(): void;
}

export interface Connections {
  /**
   * A connection that answers.
   *
   * @param proof run on it first; when it fails, another connection is tried. `select 1` when absent, where the connection
   *   has not answered a moment ago.
   * @throws DatabaseError `unavailable` when there is none within `waitMs`.
   */
  lend(proof?: (client: pg.PoolClient) => Promise<unknown>): Promise<Lent>;
  /** Takes no more work and closes what is idle, and each other connection when it is given back. */
  close(): Promise<void>;
}

/** For an answer that costs the server nothing. */
const promptMs = 1_000;
/** A connection that answered this short a time ago is taken to be alive. */
const provenForMs = 1_000;
/** Between two attempts to get a connection from a server that refuses them. */
const pauseMs = 50;

/** A pool until it is replaced by the next. */
interface Generation {
  readonly pool: pg.Pool;
  /** Null comes when it is replaced: a pool that ends forgets those who wait in it. */
  readonly replaced: Promise<null>;
  end(): Promise<void>;
}

function openGeneration(config: pg.PoolConfig): Generation {
  const pool = new pg.Pool(config);
  // An idle connection that breaks is dropped by the pool; whoever needs one next gets another.
  pool.on("error", ignore);
  const { promise: replaced, resolve } = Promise.withResolvers<null>();
  return {
    pool,
    replaced,
    end() {
      resolve(null);
      return pool.end();
    },
  };
}

/** @param waitMs how long whoever needs a connection waits for one. */
export function openConnections(config: pg.PoolConfig, waitMs: number): Connections {
  const open = () => openGeneration({ ...config, connectionTimeoutMillis: waitMs });
  let current = open();
  let isClosed = false;
  const answeredAtMs = new WeakMap<pg.PoolClient, number>();

  const replace = (suspect: Generation): void => {
    if (suspect !== current || isClosed) return;
    current = open();
    void suspect.end();
  };
  const prove = async (
    client: pg.PoolClient,
    proof: ((client: pg.PoolClient) => Promise<unknown>) | undefined,
  ): Promise<void> => {
    const answeredMs = answeredAtMs.get(client);
    if (answeredMs === undefined) await refuseStandby(client);
    if (proof !== undefined) await proof(client);
    else if (answeredMs !== undefined && performance.now() - answeredMs > provenForMs) {
      await askPromptly(client, "select 1");
    }
    answeredAtMs.set(client, performance.now());
  };
  const lent = (client: pg.PoolClient, from: Generation): Lent => {
    let isBack = false;
    const giveBack = (isOver: boolean): void => {
      if (isBack) return;
      isBack = true;
      client.off("error", ignore);
      if (isOver) replace(from);
      else answeredAtMs.set(client, performance.now());
      client.release(isOver);
    };
    return {
      client,
      giveBack: (failure) => giveBack(endsConnection(failure)),
      discard: () => giveBack(true),
    };
  };

  return {
    async lend(proof) {
      const endMs = performance.now() + waitMs;
      for (;;) {
        const from = current;
        let client: pg.PoolClient | null = null;
        let isNew = true;
        try {
          client = await take(from, endMs - performance.now());
          if (client === null) continue;
          // Without a listener a connection that breaks while it is lent would end the process.
          client.on("error", ignore);
          isNew = !answeredAtMs.has(client);
          await prove(client, proof);
          return lent(client, from);
        } catch (thrown) {
          client?.off("error", ignore);
          client?.release(true);
          // One that never worked says nothing about the others.
          if (!isNew) replace(from);
          const error = translate(thrown);
          const isWorthWaiting = error instanceof DatabaseError && error.kind === "unavailable";
          if (isClosed || !isWorthWaiting || performance.now() + pauseMs >= endMs) throw error;
          if (isNew) await sleep(pauseMs);
        }
      }
    },
    async close() {
      isClosed = true;
      await translatingErrors(() => current.end());
    },
  };
}

/** Runs what a server that is there answers at once. @throws when it takes a second. */
export function askPromptly(
  client: pg.ClientBase,
  text: string,
): Promise<pg.QueryResult<Record<string, unknown>>> {
  // pg reads `query_timeout` here (client.js, `query`); its typings know it for the whole client only.
  const query: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: promptMs };
  return client.query(query);
}

function ignore(): void {}

/** A standby answers, but with a past that may be over: of epochs that would be a promise broken. */
async function refuseStandby(client: pg.PoolClient): Promise<void> {
  const { rows } = await askPromptly(client, "select pg_is_in_recovery() as standby");
  if (rows[0]?.standby !== false) throw new DatabaseError("unavailable", "25006", undefined);
}

/** A connection of the pool, null when the pool is replaced meanwhile. One that comes too late goes back. */
async function take({ pool, replaced }: Generation, ms: number): Promise<pg.PoolClient | null> {
  const taking = pool.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms), "late");
  });
  const first = await Promise.race([taking, replaced, late]).finally(() => clearTimeout(timer));
  if (first !== null && first !== "late") return first;
  taking.then(
    (client) => client.release(),
    () => {},
  );
  if (first === null) return null;
  throw new DatabaseError("unavailable", "ETIMEDOUT", undefined);
}
