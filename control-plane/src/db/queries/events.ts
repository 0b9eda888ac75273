/** Events of calls at this door, and audit records of edge instances. */

import { type AuditEvent, type AuditRecord, encodeAuditEvent } from "@edge-kms/protocol";
import { and, eq } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { callEvents, edgeAuditRecords, edgeChains } from "../schema/index.ts";

/** PostgreSQL's text has no NUL; it may stand escaped in the event, but not in a column. */
const withoutNul = (text: string): string => text.replaceAll("\u0000", "");

function columnsOf(event: AuditEvent) {
  return {
    account: event.account,
    region: withoutNul(event.region),
    timeMs: event.timeMs,
    requestId: withoutNul(event.requestId),
    action: withoutNul(event.action),
    uin: event.uin,
    secretId: withoutNul(event.secretId),
    errorCode: withoutNul(event.errorCode),
  };
}

/** Records one call of this door. */
export async function insertCallEvent(tx: Queryable, event: AuditEvent): Promise<void> {
  await tx.insert(callEvents).values({ event: encodeAuditEvent(event), ...columnsOf(event) });
}

export interface ChainHead {
  readonly lastSeq: number;
  readonly lastHash: string;
}

/** The chain's head, made with `start` if it is new; no other transaction extends it before this one ends. */
export async function lockChain(
  tx: Queryable,
  edge: string,
  instance: string,
  start: ChainHead,
): Promise<ChainHead> {
  await tx
    .insert(edgeChains)
    .values({ edge, instance, ...start })
    .onConflictDoNothing();
  const rows = await tx
    .select({ lastSeq: edgeChains.lastSeq, lastHash: edgeChains.lastHash })
    .from(edgeChains)
    .where(and(eq(edgeChains.edge, edge), eq(edgeChains.instance, instance)))
    .for("update");
  return rows[0] ?? start;
}

/** A record in its chain, with its encoding and hash. */
export interface ChainedRecord {
  readonly record: AuditRecord;
  readonly text: string;
  readonly hash: string;
}

/** Appends records to a chain locked in this transaction. */
export async function extendChain(
  tx: Queryable,
  edge: string,
  instance: string,
  records: readonly ChainedRecord[],
  receivedAtMs: number,
): Promise<void> {
  const last = records.at(-1);
  if (last === undefined) return;
  await tx.insert(edgeAuditRecords).values(
    records.map(({ record, text, hash }) => ({
      edge,
      instance,
      seq: record.seq,
      prev: record.prev,
      hash,
      record: text,
      receivedAtMs,
      ...columnsOf(record.event),
    })),
  );
  await tx
    .update(edgeChains)
    .set({ lastSeq: last.record.seq, lastHash: last.hash })
    .where(and(eq(edgeChains.edge, edge), eq(edgeChains.instance, instance)));
}
