/** The three ways to a database: a server's URL, the same given by the launcher, or in memory. */

import type { Database } from "./database.ts";
import type { PostgresOptions } from "./postgres.ts";

/** In place of a URL: PostgreSQL inside this process, gone with it. */
export const memoryUrl = "memory:";

/** Opens the database at `url`, which is `postgresql://…` or {@link memoryUrl}; the other options are for servers. */
export async function openDatabase(options: PostgresOptions): Promise<Database> {
  // Loaded when needed: PGlite alone takes hundreds of megabytes.
  if (options.url === memoryUrl) return (await import("./memory.ts")).openMemory();
  return (await import("./postgres.ts")).openPostgres(options);
}
