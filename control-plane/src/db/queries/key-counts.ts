/** Numbers of CMKs, added up from `key_counts` instead of counted. */

import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { keyCounts } from "../schema/index.ts";
import type { storedKeyStates } from "../schema/keys.ts";
import type { KeyScope } from "./keys.ts";

export interface CountedKeys extends KeyScope {
  readonly states: readonly (typeof storedKeyStates)[number][];
  readonly isUserMade: boolean;
  readonly origin: string | null;
  readonly keyUsage: string | null;
}

export async function countKeys(db: Queryable, of: CountedKeys): Promise<number> {
  const where: SQL | undefined = and(
    eq(keyCounts.account, of.account),
    eq(keyCounts.region, of.region),
    eq(keyCounts.isUserMade, of.isUserMade),
    inArray(keyCounts.state, [...of.states]),
    of.origin === null ? undefined : eq(keyCounts.origin, of.origin),
    of.keyUsage === null ? undefined : eq(keyCounts.keyUsage, of.keyUsage),
  );
  const rows = await db
    .select({ n: sql<number>`coalesce(sum(${keyCounts.n}), 0)::integer` })
    .from(keyCounts)
    .where(where);
  return rows[0]?.n ?? 0;
}

/** Rows beyond this are folded together. */
const manyRows = 1_000;

/** Folds rows of one kind into one. Readers see the same sums before and after; two who fold at once do no harm. */
export async function foldKeyCounts(tx: Queryable): Promise<void> {
  const [counted] = await tx.select({ rows: sql<number>`count(*)::integer` }).from(keyCounts);
  if ((counted?.rows ?? 0) <= manyRows) return;
  await tx.execute(sql`
    with moved as (delete from key_counts returning *)
    insert into key_counts
    select account, region, is_user_made, state, key_usage, origin, sum(n)
    from moved group by 1, 2, 3, 4, 5, 6 having sum(n) <> 0`);
}
