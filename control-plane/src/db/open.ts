/** The three ways to a database: a server's URL, the same given by the launcher, or in memory. */

import type { Database } from "./database.ts";

/** In place of a URL: PostgreSQL inside this process, gone with it. */
export const memoryUrl = "memory:";

/**
 * @param url `postgresql://…` or {@link memoryUrl}.
 * @param maxConnections of the pool.
 */
export async function openDatabase(url: string, maxConnections: number): Promise<Database> {
  // Loaded when needed: PGlite alone takes hundreds of megabytes.
  if (url === memoryUrl) return (await import("./memory.ts")).openMemory();
  return (await import("./postgres.ts")).openPostgres({ url, maxConnections });
}
