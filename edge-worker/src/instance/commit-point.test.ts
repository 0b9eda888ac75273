import {
  AUDIT_CHAIN_START,
  decodeAuditRecord,
  encodeAuditEvent,
  MAX_AUDIT_RECORD_BYTES,
} from "@edge-kms/protocol";
import { expect, test } from "vitest";
import { type CommitContext, CommitPoint } from "./commit-point.ts";
import { type Batch, MAX_BATCH, REPLAY_BYTES, verdicts } from "./messages.ts";

/** Longest row of a Durable Object's SQLite storage, in the narrower reading of "2 MB". */
const MAX_ROW_BYTES = 2_000_000;

function makePoint() {
  const rows: Uint8Array[][] = [];
  const lease = { operationsLeft: 10 };
  const caller = { principal: { account: "1" }, maxUnacknowledged: 1_000, left: 10 };
  const context = {
    edge: "edge-1",
    instance: "00".repeat(16),
    clock: { now: () => 0 },
    epochs: { revision: 0, entries: () => [] },
    keys: { valid: () => ({ ...lease, account: "1", maxUnacknowledged: 1_000 }) },
    callers: {
      valid: () => caller,
      spend: () => {
        caller.left -= 1;
      },
    },
    replays: { see: () => "new" },
    outbox: {
      size: 0,
      append: (_instance: string, _first: number, records: Uint8Array[]) => rows.push(records),
    },
    sha256: () => new Uint8Array(32),
  } as unknown as CommitContext;
  return { point: new CommitPoint(context), rows, caller };
}

function batchOf(events: readonly string[]): Batch {
  return {
    events,
    callers: events.map(() => "a"),
    accounts: events.map(() => "1"),
    keys: events.map(() => []),
    signatures: new Uint8Array(events.length * REPLAY_BYTES),
    epochsRevision: 0,
  };
}

const eventOf = (userAgent: string): string =>
  encodeAuditEvent({
    requestId: "00000000-0000-4000-8000-000000000000",
    timeMs: 0,
    service: "kms",
    apiVersion: "2019-01-18",
    action: "Encrypt",
    region: "ap-singapore",
    account: "1",
    uin: "1",
    principalType: "root",
    secretId: "AKID",
    sourceAddress: "",
    userAgent,
    requestClient: "",
    signatureMethod: "TC3-HMAC-SHA256",
    errorCode: "",
    reason: "",
    keyIds: [],
    uses: [],
    store: null,
  });

test("a record that the control plane would never take is not written, and its call not served", () => {
  const { point, rows, caller } = makePoint();
  const fits = eventOf("x");
  const { verdicts: decided } = point.decide(
    batchOf([fits, eventOf("x".repeat(MAX_AUDIT_RECORD_BYTES)), fits]),
  );
  expect([...decided]).toEqual([verdicts.recorded, verdicts.tooLong, verdicts.recorded]);
  const records = rows.flat().map((bytes) => decodeAuditRecord(bytes));
  expect(records.map((record) => record?.seq)).toEqual([1, 2]);
  expect(records[0]?.prev).toBe(AUDIT_CHAIN_START);
  expect(point.head.seq).toBe(2);
  expect(caller.left).toBe(8);
});

test("a batch of the longest records fits into one row", () => {
  expect(MAX_BATCH * (MAX_AUDIT_RECORD_BYTES + 1)).toBeLessThan(MAX_ROW_BYTES);
});
