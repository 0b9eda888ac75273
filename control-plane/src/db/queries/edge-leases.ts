/** Leases at edges: written before a grant leaves, read by whoever asks who holds a key now. */

import {
  and,
  asc,
  countDistinct,
  desc,
  eq,
  gt,
  inArray,
  lt,
  max,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { accounts, edgeInstanceBudgets, edgeInstances, edgeLeases } from "../schema/index.ts";
import { databaseNowMs, isConnected } from "./edge-instances.ts";
import type { KeyScope } from "./keys.ts";

export type EdgeLease = typeof edgeLeases.$inferInsert;

/** What an instance is trusted with for an account, from now on. */
export interface Budget {
  readonly account: string;
  readonly edge: string;
  readonly instance: string;
  readonly maxUnacknowledged: number;
  readonly leasesEndAtMs: number;
}

/** Writes leases down; one that is there already stays as it is. */
export async function insertLeases(db: Queryable, leases: readonly EdgeLease[]): Promise<void> {
  if (leases.length > 0) {
    await db
      .insert(edgeLeases)
      .values([...leases])
      .onConflictDoNothing();
  }
}

/** Raises what is written of the instance to at least this; neither number ever falls. */
export async function raiseBudget(tx: Queryable, budget: Budget): Promise<void> {
  const { edge, instance } = budget;
  await tx
    .insert(edgeInstanceBudgets)
    .values(budget)
    .onConflictDoUpdate({
      target: [edgeInstanceBudgets.account, edgeInstanceBudgets.edge, edgeInstanceBudgets.instance],
      set: {
        maxUnacknowledged: sql`greatest(${edgeInstanceBudgets.maxUnacknowledged}, excluded.max_unacknowledged)`,
        leasesEndAtMs: sql`greatest(${edgeInstanceBudgets.leasesEndAtMs}, excluded.leases_end_at_ms)`,
        // It is back: what was written off may grow again.
        acceptedAtMs: null,
      },
    });
  await tx
    .insert(edgeInstances)
    .values({ edge, instance, firstHeardAtMs: databaseNowMs, lastHeardAtMs: databaseNowMs })
    .onConflictDoNothing();
}

/** Forgets leases that have been over for a while. */
export async function removeEndedLeases(tx: Queryable, beforeMs: number): Promise<void> {
  await tx.delete(edgeLeases).where(lt(edgeLeases.expiresAtMs, beforeMs));
}

/**
 * Leases that an instance can still use: not over, and of the current epoch or at an instance that may not have heard of a
 * newer one, because it is not connected.
 */
function isHeld(nowMs: number): SQL | undefined {
  return and(
    gt(edgeLeases.expiresAtMs, nowMs),
    or(
      sql`(${edgeLeases.epochGeneration}, ${edgeLeases.epochCounter}) >= (${accounts.epochGeneration}, ${accounts.epochCounter})`,
      sql`${isConnected} is not true`,
    ),
  );
}

const isTheInstance = and(
  eq(edgeInstances.edge, edgeLeases.edge),
  eq(edgeInstances.instance, edgeLeases.instance),
);

export interface Holder {
  readonly edge: string;
  readonly instance: string;
  readonly isConnected: boolean;
  readonly version: number;
  readonly branch: string;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number;
}

/** Who holds a key now: one row per instance and branch key, the last to end first. */
export async function listHolders(
  db: Queryable,
  { account, region }: KeyScope,
  keyId: string,
  nowMs: number,
  page: { readonly offset: number; readonly limit: number },
): Promise<{ holders: Holder[]; total: number }> {
  const { edge, instance, version, branch } = edgeLeases;
  const groups = db
    .select({
      edge,
      instance,
      isConnected: sql<boolean>`coalesce(bool_or(${isConnected}), false)`.as("is_connected"),
      version,
      branch,
      grantedAtMs: max(edgeLeases.grantedAtMs).mapWith(Number).as("newest_granted_at_ms"),
      expiresAtMs: max(edgeLeases.expiresAtMs).mapWith(Number).as("last_expires_at_ms"),
    })
    .from(edgeLeases)
    .innerJoin(accounts, eq(accounts.account, edgeLeases.account))
    .leftJoin(edgeInstances, isTheInstance)
    .where(
      and(
        eq(edgeLeases.keyId, keyId),
        eq(edgeLeases.account, account),
        eq(edgeLeases.region, region),
        isHeld(nowMs),
      ),
    )
    .groupBy(edge, instance, version, branch);
  const held = groups.as("held");
  const totals = await db.select({ total: sql<number>`count(*)`.mapWith(Number) }).from(held);
  const rows = await db
    .select()
    .from(held)
    .orderBy(desc(held.expiresAtMs), asc(held.edge), asc(held.instance), asc(held.branch))
    .limit(page.limit)
    .offset(page.offset);
  const holders = rows.map((row) => ({
    ...row,
    grantedAtMs: row.grantedAtMs ?? 0,
    expiresAtMs: row.expiresAtMs ?? 0,
  }));
  return { holders, total: totals[0]?.total ?? 0 };
}

/** How many keys of the account each of these edges holds now. */
export async function countKeysHeld(
  db: Queryable,
  account: string,
  edges: readonly string[],
  nowMs: number,
): Promise<Map<string, number>> {
  if (edges.length === 0) return new Map();
  const rows = await db
    .select({ edge: edgeLeases.edge, keys: countDistinct(edgeLeases.keyId) })
    .from(edgeLeases)
    .innerJoin(accounts, eq(accounts.account, edgeLeases.account))
    .leftJoin(edgeInstances, isTheInstance)
    .where(
      and(eq(edgeLeases.account, account), inArray(edgeLeases.edge, [...edges]), isHeld(nowMs)),
    )
    .groupBy(edgeLeases.edge);
  return new Map(rows.map(({ edge, keys }) => [edge, keys]));
}
