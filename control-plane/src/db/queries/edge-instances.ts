/**
 * Instances of edges: who is there, and what those that are gone may owe. Times are the database's own, so that it makes no
 * difference which copy of the control plane hears an instance and which one is asked.
 */

import { DISCONNECTED_AFTER_MS } from "@edge-kms/protocol";
import { and, desc, eq, inArray, isNotNull, isNull, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { edgeChains, edgeInstanceBudgets, edgeInstances } from "../schema/index.ts";

export const databaseNowMs: SQL<number> = sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/**
 * Whether the instance answers on its connection, and so has heard of every epoch (P2). To ask for leases is not enough. Null
 * when it never held a connection.
 */
export const isConnected: SQL<boolean> = sql`${edgeInstances.connectedAtMs} > ${databaseNowMs} - ${DISCONNECTED_AFTER_MS}`;

/** What a copy of the control plane has to tell of an instance. */
export interface Heard {
  readonly edge: string;
  readonly instance: string;
  /** How long ago it was heard. */
  readonly agoMs: number;
  /** How long ago it answered on its connection; null when it was heard otherwise. */
  readonly connectedAgoMs: number | null;
  /** The newest audit record it named; 0 when it named none. */
  readonly reportedSeq: number;
}

/** Writes down when instances were heard, all in one statement. Nothing is set back. */
export async function recordHeard(tx: Queryable, heard: readonly Heard[]): Promise<void> {
  if (heard.length === 0) return;
  const timeOf = (agoMs: number): SQL =>
    sql`${databaseNowMs} - ${Math.max(0, Math.round(agoMs))}::bigint`;
  await tx
    .insert(edgeInstances)
    .values(
      heard.map((one) => ({
        edge: one.edge,
        instance: one.instance,
        firstHeardAtMs: timeOf(one.agoMs),
        lastHeardAtMs: timeOf(one.agoMs),
        connectedAtMs: one.connectedAgoMs === null ? null : timeOf(one.connectedAgoMs),
        reportedSeq: one.reportedSeq,
      })),
    )
    .onConflictDoUpdate({
      target: [edgeInstances.edge, edgeInstances.instance],
      set: {
        lastHeardAtMs: sql`greatest(${edgeInstances.lastHeardAtMs}, excluded.last_heard_at_ms)`,
        // `greatest` passes over nulls.
        connectedAtMs: sql`greatest(${edgeInstances.connectedAtMs}, excluded.connected_at_ms)`,
        reportedSeq: sql`greatest(${edgeInstances.reportedSeq}, excluded.reported_seq)`,
      },
    });
}

const storedSeq = sql<number>`coalesce(${edgeChains.lastSeq}, 0)`.mapWith(Number);
const isTheChain = and(
  eq(edgeChains.edge, edgeInstances.edge),
  eq(edgeChains.instance, edgeInstances.instance),
);

/**
 * Marks instances of an edge of which nothing waits any more. Not those that reported more than is stored: their successor
 * is wrong, or the database is an older one. Returns the instances that are settled now.
 */
export async function settleInstances(
  tx: Queryable,
  edge: string,
  instances: readonly string[],
): Promise<string[]> {
  const complete = await tx
    .select({ instance: edgeInstances.instance })
    .from(edgeInstances)
    .leftJoin(edgeChains, isTheChain)
    .where(
      and(
        eq(edgeInstances.edge, edge),
        inArray(edgeInstances.instance, [...instances]),
        sql`${edgeInstances.reportedSeq} <= coalesce(${edgeChains.lastSeq}, 0)`,
      ),
    );
  const settled = complete.map(({ instance }) => instance);
  if (settled.length === 0) return [];
  await tx
    .update(edgeInstances)
    .set({ settledAtMs: databaseNowMs })
    .where(
      and(
        eq(edgeInstances.edge, edge),
        inArray(edgeInstances.instance, settled),
        isNull(edgeInstances.settledAtMs),
      ),
    );
  return settled;
}

export interface Instance {
  readonly edge: string;
  readonly instance: string;
  readonly isConnected: boolean;
  readonly firstHeardAtMs: number;
  readonly lastHeardAtMs: number;
  readonly storedSeq: number;
  readonly reportedSeq: number;
  readonly isSettled: boolean;
  /** Of the account asked for; 0 when it never had a credential of it. */
  readonly maxUnacknowledged: number;
  readonly leasesEndAtMs: number;
  readonly isAccepted: boolean;
}

const instanceColumns = {
  edge: edgeInstances.edge,
  instance: edgeInstances.instance,
  isConnected: sql<boolean>`coalesce(${isConnected}, false)`,
  firstHeardAtMs: edgeInstances.firstHeardAtMs,
  lastHeardAtMs: edgeInstances.lastHeardAtMs,
  storedSeq,
  reportedSeq: edgeInstances.reportedSeq,
  isSettled: sql<boolean>`${edgeInstances.settledAtMs} is not null`,
  maxUnacknowledged: sql<number>`coalesce(${edgeInstanceBudgets.maxUnacknowledged}, 0)`.mapWith(
    Number,
  ),
  leasesEndAtMs: sql<number>`coalesce(${edgeInstanceBudgets.leasesEndAtMs}, 0)`.mapWith(Number),
  isAccepted: sql<boolean>`${edgeInstanceBudgets.acceptedAtMs} is not null`,
};

const isTheBudget = (account: string): SQL | undefined =>
  and(
    eq(edgeInstanceBudgets.account, account),
    eq(edgeInstanceBudgets.edge, edgeInstances.edge),
    eq(edgeInstanceBudgets.instance, edgeInstances.instance),
  );

/** Heard for so long after it went, a settled instance is still shown. */
const shownForMs = 24 * 60 * 60 * 1000;

/** Instances of these edges that are there, were heard within a day, or may owe records of the account; newest first. */
export async function listInstances(
  db: Queryable,
  account: string,
  edges: readonly string[],
): Promise<Instance[]> {
  if (edges.length === 0) return [];
  return db
    .select(instanceColumns)
    .from(edgeInstances)
    .leftJoin(edgeChains, isTheChain)
    .leftJoin(edgeInstanceBudgets, isTheBudget(account))
    .where(
      and(
        inArray(edgeInstances.edge, [...edges]),
        or(
          sql`${edgeInstances.lastHeardAtMs} > ${databaseNowMs} - ${shownForMs}`,
          and(
            isNull(edgeInstances.settledAtMs),
            isNotNull(edgeInstanceBudgets.instance),
            isNull(edgeInstanceBudgets.acceptedAtMs),
          ),
        ),
      ),
    )
    .orderBy(desc(edgeInstances.lastHeardAtMs), desc(edgeInstances.instance));
}

/** One instance that had a credential of the account, locked against others who would write it off; null for none. */
export async function lockBudget(
  tx: Queryable,
  account: string,
  edge: string,
  instance: string,
): Promise<{ leasesEndAtMs: number; isConnected: boolean } | null> {
  const budgets = await tx
    .select({ leasesEndAtMs: edgeInstanceBudgets.leasesEndAtMs })
    .from(edgeInstanceBudgets)
    .where(
      and(
        eq(edgeInstanceBudgets.account, account),
        eq(edgeInstanceBudgets.edge, edge),
        eq(edgeInstanceBudgets.instance, instance),
      ),
    )
    .for("update");
  const budget = budgets[0];
  if (budget === undefined) return null;
  const heard = await tx
    .select({ isConnected: sql<boolean>`coalesce(${isConnected}, false)` })
    .from(edgeInstances)
    .where(and(eq(edgeInstances.edge, edge), eq(edgeInstances.instance, instance)));
  return { ...budget, isConnected: heard[0]?.isConnected ?? false };
}

/** Writes an instance off for an account. */
export async function acceptBudget(
  tx: Queryable,
  account: string,
  edge: string,
  instance: string,
  acceptedAtMs: number,
): Promise<void> {
  await tx
    .update(edgeInstanceBudgets)
    .set({ acceptedAtMs })
    .where(
      and(
        eq(edgeInstanceBudgets.account, account),
        eq(edgeInstanceBudgets.edge, edge),
        eq(edgeInstanceBudgets.instance, instance),
      ),
    );
}

/** Forgets instances that are settled, or never had a credential, and were not heard for 30 days. */
export async function removeOldInstances(tx: Queryable): Promise<void> {
  const isOld = sql`${edgeInstances.lastHeardAtMs} < ${databaseNowMs} - ${30 * shownForMs}`;
  const removed = await tx
    .delete(edgeInstances)
    .where(
      and(
        isOld,
        or(
          isNotNull(edgeInstances.settledAtMs),
          sql`not exists (select 1 from ${edgeInstanceBudgets} where ${edgeInstanceBudgets.edge} = ${edgeInstances.edge} and ${edgeInstanceBudgets.instance} = ${edgeInstances.instance} and ${edgeInstanceBudgets.acceptedAtMs} is null)`,
        ),
      ),
    )
    .returning({ edge: edgeInstances.edge, instance: edgeInstances.instance });
  for (const { edge, instance } of removed) {
    await tx
      .delete(edgeInstanceBudgets)
      .where(and(eq(edgeInstanceBudgets.edge, edge), eq(edgeInstanceBudgets.instance, instance)));
  }
}
