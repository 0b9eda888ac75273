/** The highest policy epoch counter seen per account: an older one is refused from then on (design §4 "Lease"). */

import type { Database } from "./database.ts";

export function highestEpoch(database: Database, account: string): number {
  const row = database.get<{ counter: number }>(
    "SELECT counter FROM epochs WHERE account = ?",
    account,
  );
  return row?.counter ?? 0;
}

export function listEpochs(database: Database): { account: string; counter: number }[] {
  return database
    .all<{ account: string; counter: number }>(
      "SELECT account, counter FROM epochs ORDER BY account",
    )
    .map(({ account, counter }) => ({ account, counter }));
}

/** Only inside a commit. */
export function raiseEpoch(database: Database, account: string, counter: number): void {
  if (counter <= highestEpoch(database, account)) return;
  database.run(
    "INSERT INTO epochs (account, counter) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET counter = excluded.counter",
    account,
    counter,
  );
}
