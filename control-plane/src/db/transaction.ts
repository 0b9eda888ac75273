/**
 * Transactions and reads on a PostgreSQL server.
 *
 * Drizzle 0.45 has `transaction` for `pg` too; not used, because it does not give a connection back on which `begin` failed,
 * puts a broken one back among the good ones, lets a failed `rollback` hide why there was one, takes the answer ROLLBACK to
 * a COMMIT for success, and leaves a lent connection without a listener for its end, which ends the process.
 */

import { drizzle } from "drizzle-orm/node-postgres";
import { askPromptly, type Connections } from "./connections.ts";
import type { Queryable } from "./database.ts";
import { DatabaseError, endsConnection, isUndecided, translate } from "./errors.ts";

/**
 * Runs `work` in one transaction. `begin` is also the proof that the connection lives: a dead one costs the caller nothing.
 *
 * @throws DatabaseError, or what `work` threw; nothing is changed then, unless its kind is `in-doubt`: the connection was lost
 *   while the commit was under way, and the change was made or not.
 */
export async function runTransaction<T>(
  connections: Connections,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  const lent = await connections.lend((client) => askPromptly(client, "begin"));
  const { client } = lent;
  let result: T;
  try {
    result = await work(drizzle(client));
  } catch (thrown) {
    const error = translate(thrown);
    if (endsConnection(error)) lent.giveBack(error);
    else {
      await askPromptly(client, "rollback").then(
        () => lent.giveBack(error),
        // The server rolls back what it loses the connection of.
        () => lent.discard(),
      );
    }
    throw error;
  }
  let command: string;
  try {
    ({ command } = await client.query("commit"));
  } catch (thrown) {
    const error = translate(thrown);
    if (!isUndecided(error)) {
      lent.giveBack(error);
      throw error;
    }
    lent.discard();
    throw new DatabaseError("in-doubt", error.code, undefined);
  }
  lent.giveBack();
  // in_failed_sql_transaction: `work` went on after a statement had failed. COMMIT is then answered with ROLLBACK.
  if (command !== "COMMIT") throw new DatabaseError("other", "25P02", undefined);
  return result;
}

/**
 * Runs statements outside of a transaction, once more on another connection when theirs is lost. `work` must do no harm
 * when it is done twice.
 *
 * @param limits.repeatWithinMs a loss that took longer than this to notice is told instead.
 * @param limits.limitMs after which a connection without an answer is given up; the pool's limit when absent.
 */
export async function runRead<T>(
  connections: Connections,
  work: (db: Queryable) => Promise<T>,
  limits: { readonly repeatWithinMs: number; readonly limitMs?: number },
): Promise<T> {
  const startedMs = performance.now();
  for (let attempt = 1; ; attempt++) {
    const lent = await connections.lend();
    const { limitMs } = limits;
    // The work ends with its connection.
    const timer = limitMs === undefined ? undefined : setTimeout(lent.discard, limitMs);
    try {
      const result = await work(drizzle(lent.client));
      lent.giveBack();
      return result;
    } catch (thrown) {
      const error = translate(thrown);
      lent.giveBack(error);
      const isInTime = performance.now() - startedMs <= limits.repeatWithinMs;
      if (!endsConnection(error) || attempt === 2 || !isInTime) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
