/**
 * `POST /edge/v1/audit`: takes the records of an edge instance into the log, in order, each exactly once. What would leave
 * a gap, or does not continue the chain that is stored, is refused as a whole.
 */

import { createHash } from "node:crypto";
import {
  AUDIT_CHAIN_START,
  type AuditDelivery,
  type AuditDeliveryResponse,
  auditDelivery,
  decodeAuditRecord,
  signedMessageTypes,
  utf8Encode,
} from "@edge-kms/protocol";
import { raiseUseAlarms } from "../alarms/use-alarms.ts";
import type { Database } from "../db/index.ts";
import { type ChainedRecord, extendChain, lockChain } from "../db/queries/events.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import { continuation } from "./continuation.ts";
import { countUsage } from "./usage.ts";

export interface AuditServices extends EdgeAuthentication {
  readonly database: Database;
}

/** Thrown inside the transaction, so that nothing of the delivery is stored. */
class ChainRefusal extends Error {
  override readonly name = "ChainRefusal";
  readonly answer: EdgeAnswer;
  constructor(answer: EdgeAnswer) {
    super("audit delivery refused");
    this.answer = answer;
  }
}

/**
 * A frozen edge may still deliver: freezing takes rights away, not the record of what was done with them.
 *
 * @param input parsed JSON of the request's body.
 */
export async function acceptAudit(services: AuditServices, input: unknown): Promise<EdgeAnswer> {
  const { auditDelivery: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, auditDelivery, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  const records = readRecords(request.edge, request.payload);
  if (records === null) return { status: 400, error: { code: "malformed" }, reason: "record" };
  try {
    const acknowledgedSeq = await store(services, request.edge, request.payload.of, records);
    const body: AuditDeliveryResponse = { acknowledgedSeq };
    return { status: 200, body };
  } catch (error) {
    if (error instanceof ChainRefusal) return error.answer;
    throw error;
  }
}

/**
 * The records, when each is in its one encoding, names this edge, this instance and an account that the edge is enrolled
 * for, and continues the one before it in the delivery; else null.
 */
function readRecords(edge: Edge, delivery: AuditDelivery): ChainedRecord[] | null {
  const records: ChainedRecord[] = [];
  for (const text of delivery.records) {
    const bytes = utf8Encode(text);
    const record = decodeAuditRecord(bytes);
    if (record === null || record.edge !== edge.edge || record.instance !== delivery.of)
      return null;
    if (!edge.accounts.has(record.event.account)) return null;
    const before = records.at(-1);
    const isNext =
      before === undefined
        ? record.seq > 1 || record.prev === AUDIT_CHAIN_START
        : record.seq === before.record.seq + 1 && record.prev === before.hash;
    if (!isNext) return null;
    records.push({ record, text, hash: createHash("sha256").update(bytes).digest("hex") });
  }
  return records;
}

async function store(
  { database, clock }: AuditServices,
  { edge }: Edge,
  instance: string,
  records: readonly ChainedRecord[],
): Promise<number> {
  const start = { lastSeq: 0, lastHash: AUDIT_CHAIN_START };
  return database.transaction(async (tx) => {
    const head = await lockChain(tx, edge, instance, start);
    const linkOf = ({ record: { seq, prev }, hash }: ChainedRecord) => ({ seq, prev, hash });
    const fresh = continuation(head, records, linkOf);
    if (fresh === "gap") throw gap(head.lastSeq);
    if (fresh === "conflict") throw conflict();
    if (fresh.length === 0) return head.lastSeq;
    const nowMs = clock();
    await extendChain(tx, edge, instance, fresh, nowMs);
    const events = fresh.map(({ record }) => record.event);
    await raiseUseAlarms(tx, events, nowMs);
    // Last: other edges' deliveries wait for these rows.
    await countUsage(tx, events, nowMs);
    return fresh.at(-1)?.record.seq ?? head.lastSeq;
  });
}

const gap = (lastSeq: number): ChainRefusal =>
  new ChainRefusal({
    status: 409,
    error: { code: "audit-gap", message: `expected sequence number ${lastSeq + 1}` },
    reason: "gap",
  });

/** Two different records under one number: the instance, or someone with its key, tells two stories. */
const conflict = (): ChainRefusal =>
  new ChainRefusal({
    status: 409,
    error: { code: "audit-conflict", message: "the stored chain is another one" },
    reason: "conflict",
  });
