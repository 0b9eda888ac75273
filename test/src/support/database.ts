/** The database behind the back of the control plane: for what no client can bring about, such as time that has passed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { System } from "./system.ts";

const USER = "edge_kms";

/** The server that the launcher runs in the home, through its Unix socket. */
export async function withDatabase<T>(
  system: System,
  work: (query: (sql: string, values?: unknown[]) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  // The fifth line of postmaster.pid is the folder of the socket.
  const lines = readFileSync(join(system.home, "db", "data", "postmaster.pid"), "utf8").split("\n");
  const client = new pg.Client({ host: lines[4] ?? "", user: USER, database: "postgres" });
  await client.connect();
  try {
    return await work((sql, values) => client.query(sql, values));
  } finally {
    await client.end();
  }
}
