/** Having the real database refuse: a trigger that raises, for failures that a healthy server cannot be brought to. */

import { sql } from "drizzle-orm";
import type { Database } from "../db/index.ts";

/** From now on every change of a key fails with this SQLSTATE, until the function it gives is called. */
export async function raiseOnKeyChanges(
  database: Database,
  code: string,
): Promise<() => Promise<void>> {
  const run = (statement: string) => database.read((db) => db.execute(sql.raw(statement)));
  await run(
    `create or replace function test_raise() returns trigger language plpgsql as $$
     begin raise exception 'raised by a test' using errcode = '${code}'; end $$`,
  );
  await run(`create trigger test_raise before update on keys
             for each row execute function test_raise()`);
  return async () => void (await run("drop trigger test_raise on keys"));
}
