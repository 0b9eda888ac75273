/** Targets of an account, and what is on its way to them. */

import { randomUUID } from "node:crypto";
import { and, asc, count, eq, inArray, isNull, lt, lte, max, or, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { alarms, notifications, notificationTargets } from "../schema/index.ts";
import type { Alarm } from "./alarms.ts";

export type NotificationTarget = typeof notificationTargets.$inferSelect;
export type TargetKind = NotificationTarget["kind"];

/** Adds a target; null when the account has this one already. */
export async function insertTarget(
  tx: Queryable,
  target: NotificationTarget,
): Promise<NotificationTarget | null> {
  const rows = await tx
    .insert(notificationTargets)
    .values(target)
    .onConflictDoNothing()
    .returning();
  return rows[0] ?? null;
}

/** Removes a target and what is on its way to it. False when there was none of the account. */
export async function removeTarget(
  tx: Queryable,
  account: string,
  targetId: string,
): Promise<boolean> {
  const rows = await tx
    .delete(notificationTargets)
    .where(
      and(eq(notificationTargets.account, account), eq(notificationTargets.targetId, targetId)),
    )
    .returning({ targetId: notificationTargets.targetId });
  return rows.length > 0;
}

export async function countTargets(db: Queryable, account: string): Promise<number> {
  const rows = await db
    .select({ n: count() })
    .from(notificationTargets)
    .where(eq(notificationTargets.account, account));
  return rows[0]?.n ?? 0;
}

/** How the last message to a target went; null while there was none. */
export interface TargetWithResult extends NotificationTarget {
  readonly last: {
    readonly state: string;
    readonly result: string;
    readonly timeMs: number;
  } | null;
}

/** All targets of an account, oldest first. */
export async function listTargets(db: Queryable, account: string): Promise<TargetWithResult[]> {
  const targets = await db
    .select()
    .from(notificationTargets)
    .where(eq(notificationTargets.account, account))
    .orderBy(asc(notificationTargets.createdAtMs), asc(notificationTargets.targetId));
  const newest = await db
    .selectDistinctOn([notifications.targetId])
    .from(notifications)
    .where(eq(notifications.account, account))
    .orderBy(notifications.targetId, sql`${notifications.createdAtMs} desc`);
  const byTarget = new Map(newest.map((row) => [row.targetId, row]));
  return targets.map((target) => {
    const row = byTarget.get(target.targetId);
    const last =
      row === undefined
        ? null
        : {
            state: row.state,
            result: row.lastResult,
            timeMs: row.settledAtMs ?? row.createdAtMs,
          };
    return { ...target, last };
  });
}

/** Between two messages about one key and kind to one target. */
export const paceMs = 60_000;

/** Puts alarms on their way to every target of their accounts, in the transaction that records them. */
export async function notifyOf(
  tx: Queryable,
  raised: readonly Alarm[],
  nowMs: number,
): Promise<void> {
  const accounts = [...new Set(raised.map(({ account }) => account))];
  if (accounts.length === 0) return;
  const targets = await tx
    .select()
    .from(notificationTargets)
    .where(inArray(notificationTargets.account, accounts));
  for (const { key, newest, untold } of byKeyAndKind(raised)) {
    for (const { targetId } of targets.filter(({ account }) => account === newest.account)) {
      const [before] = await tx
        .select({ settledAtMs: max(notifications.settledAtMs) })
        .from(notifications)
        .where(
          and(
            eq(notifications.targetId, targetId),
            eq(notifications.keyId, key),
            eq(notifications.kind, newest.kind),
          ),
        );
      const lastMs = before?.settledAtMs ?? Number.NEGATIVE_INFINITY;
      await tx
        .insert(notifications)
        .values({
          notificationId: randomUUID(),
          targetId,
          account: newest.account,
          keyId: key,
          kind: newest.kind,
          alarmId: newest.id,
          untold,
          state: "Waiting",
          dueAtMs: Math.max(nowMs, lastMs + paceMs),
          createdAtMs: nowMs,
        })
        .onConflictDoUpdate({
          target: [notifications.targetId, notifications.keyId, notifications.kind],
          targetWhere: sql`${notifications.state} = 'Waiting' and ${notifications.kind} <> 'Test'`,
          set: { untold: sql`${notifications.untold} + ${untold}`, alarmId: newest.id },
        });
    }
  }
}

function byKeyAndKind(raised: readonly Alarm[]) {
  const groups = new Map<string, { key: string; newest: Alarm; untold: number }>();
  for (const alarm of raised) {
    const name = `${alarm.keyId}|${alarm.kind}`;
    const group = groups.get(name);
    groups.set(name, { key: alarm.keyId, newest: alarm, untold: (group?.untold ?? 0) + 1 });
  }
  return groups.values();
}

/** Puts a message without an alarm on its way. False when the account has no such target. */
export async function insertTest(
  tx: Queryable,
  { account, targetId }: Pick<NotificationTarget, "account" | "targetId">,
  nowMs: number,
): Promise<boolean> {
  const [target] = await tx
    .select({ targetId: notificationTargets.targetId })
    .from(notificationTargets)
    .where(
      and(eq(notificationTargets.account, account), eq(notificationTargets.targetId, targetId)),
    );
  if (target === undefined) return false;
  await tx.insert(notifications).values({
    notificationId: randomUUID(),
    targetId,
    account,
    kind: "Test",
    untold: 0,
    state: "Waiting",
    dueAtMs: nowMs,
    createdAtMs: nowMs,
  });
  return true;
}

/** A message to deliver, with what it is about. */
export interface DueNotification {
  readonly notificationId: string;
  readonly kind: (typeof notifications.$inferSelect)["kind"];
  /** Alarms that it tells of. */
  readonly untold: number;
  /** Earlier ones. */
  readonly attempts: number;
  readonly claimedUntilMs: number;
  readonly target: NotificationTarget;
  /** The newest alarm; null for a test. */
  readonly alarm: Alarm | null;
}

/** Claims what is due, oldest first. What another copy has in hand is passed over until its claim runs out. */
export async function claimDueNotifications(
  tx: Queryable,
  nowMs: number,
  claimedUntilMs: number,
  limit: number,
): Promise<DueNotification[]> {
  const due = await tx
    .select({ notificationId: notifications.notificationId })
    .from(notifications)
    .where(
      and(
        eq(notifications.state, "Waiting"),
        lte(notifications.dueAtMs, nowMs),
        or(isNull(notifications.claimedUntilMs), lt(notifications.claimedUntilMs, nowMs)),
      ),
    )
    .orderBy(asc(notifications.dueAtMs))
    .limit(limit)
    .for("update", { skipLocked: true });
  if (due.length === 0) return [];
  const ids = due.map(({ notificationId }) => notificationId);
  await tx
    .update(notifications)
    .set({ claimedUntilMs })
    .where(inArray(notifications.notificationId, ids));
  const rows = await tx
    .select({ row: notifications, target: notificationTargets, alarm: alarms })
    .from(notifications)
    .innerJoin(notificationTargets, eq(notificationTargets.targetId, notifications.targetId))
    .leftJoin(alarms, eq(alarms.id, notifications.alarmId))
    .where(inArray(notifications.notificationId, ids));
  return rows.map(({ row, target, alarm }) => ({
    notificationId: row.notificationId,
    kind: row.kind,
    untold: row.untold,
    attempts: row.attempts,
    claimedUntilMs,
    target,
    alarm,
  }));
}

/** What became of an attempt, in a few fixed words for whoever looks at the target. */
export type AttemptResult =
  | { readonly state: "Delivered" | "GivenUp"; readonly words: string }
  | { readonly state: "Waiting"; readonly dueAtMs: number; readonly words: string };

/** Writes down an attempt. Nothing happens when the claim was taken over. */
export async function settleNotification(
  tx: Queryable,
  { notificationId, claimedUntilMs, attempts, untold }: DueNotification,
  result: AttemptResult,
  nowMs: number,
): Promise<void> {
  const { words: lastResult } = result;
  // Alarms that came while this message was on its way are told of in the next one.
  const isMore = sql`${notifications.untold} > ${untold}`;
  const fields =
    result.state === "Waiting"
      ? { attempts: attempts + 1, dueAtMs: result.dueAtMs }
      : result.state === "GivenUp"
        ? { attempts: attempts + 1, state: result.state, settledAtMs: nowMs }
        : {
            attempts: sql`case when ${isMore} then 0 else ${attempts + 1} end`,
            state: sql`case when ${isMore} then 'Waiting' else 'Delivered' end`,
            untold: sql`${notifications.untold} - ${untold}`,
            dueAtMs: nowMs + paceMs,
            settledAtMs: nowMs,
          };
  await tx
    .update(notifications)
    .set({ claimedUntilMs: null, lastResult, ...fields })
    .where(
      and(
        eq(notifications.notificationId, notificationId),
        eq(notifications.claimedUntilMs, claimedUntilMs),
      ),
    );
}

/** Forgets messages that were settled before. */
export async function removeSettledNotifications(tx: Queryable, beforeMs: number): Promise<void> {
  await tx
    .delete(notifications)
    .where(and(lt(notifications.settledAtMs, beforeMs), sql`${notifications.state} <> 'Waiting'`));
}
