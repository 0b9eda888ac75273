/** Changing epochs without the notice that should go with it. */

import { eq, sql } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { accounts } from "../db/schema/index.ts";

export async function raiseSilently(database: Database, account: string): Promise<void> {
  await database.read((db) =>
    db
      .update(accounts)
      .set({ epochCounter: sql`${accounts.epochCounter} + 1` })
      .where(eq(accounts.account, account)),
  );
}

/** The counter of the account's epoch. */
export async function epochOf(database: Database, account: string): Promise<number> {
  const rows = await database.read((db) =>
    db
      .select({ counter: accounts.epochCounter })
      .from(accounts)
      .where(eq(accounts.account, account)),
  );
  return rows[0]?.counter ?? Number.NaN;
}
