/** Accounts and their policy epochs. */

import type { Epoch } from "@edge-kms/protocol";
import { and, asc, eq, lt, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { accounts } from "../schema/index.ts";

/** NOTIFY channel on which raised epochs are told. The notice says nothing: who hears it reads the epochs. */
export const epochChannel = "edge_kms_epoch";

export interface AccountEpoch {
  readonly account: string;
  readonly epoch: Epoch;
}

const epochColumns = {
  account: accounts.account,
  generation: accounts.epochGeneration,
  counter: accounts.epochCounter,
};

const notify = sql`select pg_notify(${epochChannel}, '')`;

/** Makes the account unless it is there. An existing one keeps its values. */
export async function insertAccount(
  tx: Queryable,
  account: { account: string; appId: number; createdAtMs: number },
): Promise<void> {
  await tx.insert(accounts).values(account).onConflictDoNothing();
}

/** The epochs of all accounts. */
export async function readEpochs(db: Queryable): Promise<AccountEpoch[]> {
  const rows = await db.select(epochColumns).from(accounts).orderBy(asc(accounts.account));
  return rows.map(({ account, ...epoch }) => ({ account, epoch }));
}

/** Raises the account's epoch by one and tells all copies when the transaction commits. */
export async function raiseEpoch(tx: Queryable, account: string): Promise<void> {
  await tx
    .update(accounts)
    .set({ epochCounter: sql`${accounts.epochCounter} + 1` })
    .where(eq(accounts.account, account));
  await tx.execute(notify);
}

/**
 * Raises generation and counters to at least what the bridge has seen. Neither ever falls, so a restored older database
 * catches up here.
 */
export async function raiseEpochsToAtLeast(
  tx: Queryable,
  generation: number,
  seen: readonly { account: string; counter: number }[],
): Promise<void> {
  const raised = await tx
    .update(accounts)
    .set({ epochGeneration: generation })
    .where(lt(accounts.epochGeneration, generation))
    .returning({ account: accounts.account });
  let isRaised = raised.length > 0;
  for (const { account, counter } of seen) {
    const rows = await tx
      .update(accounts)
      .set({ epochCounter: counter })
      .where(and(eq(accounts.account, account), lt(accounts.epochCounter, counter)))
      .returning({ account: accounts.account });
    isRaised ||= rows.length > 0;
  }
  if (isRaised) await tx.execute(notify);
}
