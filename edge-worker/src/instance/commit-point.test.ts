import {
  AUDIT_CHAIN_START,
  decodeAuditRecord,
  encodeAuditEvent,
  MAX_AUDIT_RECORD_BYTES,
} from "@edge-kms/protocol";
import { expect, test } from "vitest";
import { type CommitContext, CommitPoint } from "./commit-point.ts";
import { type Batch, MAX_BATCH, REPLAY_BYTES, verdicts } from "./messages.ts";
import { RateRefusals } from "./rate-refusals.ts";
import { Rates } from "./rates.ts";

/** Longest row of a Durable Object's SQLite storage, in the narrower reading of "2 MB". */
const MAX_ROW_BYTES = 2_000_000;

const manyCalls = { perAccount: 1_000, perAccessKey: 1_000 };

function makePoint(callRates = manyCalls) {
  let nowMs = 0;
  const rates = new Rates(callRates, () => nowMs);
  const rateRefusals = new RateRefusals(() => nowMs);
  const rows: Uint8Array[][] = [];
  const lease = { operationsLeft: 10 };
  const principal = { account: "1" };
  const caller = { principal, secretId: "AKID", maxUnacknowledged: 1_000, left: 10 };
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
    rates,
    rateRefusals,
    outbox: {
      size: 0,
      append: (_instance: string, _first: number, records: Uint8Array[]) => rows.push(records),
    },
    sha256: () => new Uint8Array(32),
  } as unknown as CommitContext;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { point: new CommitPoint(context), rows, caller, rates, pass };
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

test("calls beyond the rate are refused, and recorded together with their number", () => {
  const { point, rows, pass, rates } = makePoint({ perAccount: 100, perAccessKey: 3 });
  const decide = (count: number) => [
    ...point.decide(batchOf(Array.from({ length: count }, () => eventOf("x")))).verdicts,
  ];
  const { recorded, overRate } = verdicts;
  expect(decide(5)).toEqual([recorded, recorded, recorded, overRate, overRate]);
  expect(decide(1)).toEqual([overRate]);
  expect(point.recordRateRefusals()).toBe(false);
  pass(1_000);
  expect(point.recordRateRefusals()).toBe(true);
  expect(point.recordRateRefusals()).toBe(false);
  const records = rows.flat().map((bytes) => decodeAuditRecord(bytes));
  expect(
    records.map((record) => [record?.seq, record?.event.errorCode, record?.event.reason]),
  ).toEqual([
    [1, "", ""],
    [2, "", ""],
    [3, "", ""],
    [4, "RequestLimitExceeded", "over-rate-3"],
  ]);
  expect(decide(4)).toEqual([recorded, recorded, recorded, overRate]);
  rates.set({ perAccount: 1, perAccessKey: 100 });
  pass(5_000);
  expect(decide(2)).toEqual([recorded, overRate]);
});
