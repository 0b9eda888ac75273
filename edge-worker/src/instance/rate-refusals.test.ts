import { type AuditEvent, encodeAuditEvent } from "@edge-kms/protocol";
import { expect, test } from "vitest";
import { RateRefusals } from "./rate-refusals.ts";

const served: AuditEvent = {
  requestId: "00000000-0000-4000-8000-000000000000",
  timeMs: 7,
  service: "kms",
  apiVersion: "2019-01-18",
  action: "Encrypt",
  region: "ap-singapore",
  account: "1",
  uin: "1",
  principalType: "root",
  secretId: "AKID",
  sourceAddress: "",
  userAgent: "",
  requestClient: "",
  signatureMethod: "TC3-HMAC-SHA256",
  errorCode: "",
  reason: "",
  keyIds: ["00000000-0000-4000-8000-000000000001"],
  uses: [
    {
      use: "encrypt",
      keyId: "00000000-0000-4000-8000-000000000001",
      version: 1,
      branch: "00".repeat(8),
    },
  ],
  store: "software",
};

function start() {
  let nowMs = 1_000_000;
  const refusals = new RateRefusals(() => nowMs);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { refusals, pass };
}

test("come as one event a second and access key, with their number, and of no key's use", () => {
  const { refusals, pass } = start();
  for (let n = 0; n < 137; n++) refusals.note("a", encodeAuditEvent({ ...served, timeMs: n }));
  refusals.note("b", encodeAuditEvent(served));
  expect(refusals.take(10)).toEqual([]);
  pass(999);
  expect(refusals.take(10)).toEqual([]);
  pass(1);
  const refused = { ...served, errorCode: "RequestLimitExceeded", uses: [], store: null };
  expect(refusals.take(10)).toEqual([
    encodeAuditEvent({ ...refused, timeMs: 0, reason: "over-rate-137" }),
    encodeAuditEvent({ ...refused, reason: "over-rate-1" }),
  ]);
  expect(refusals.isWaiting).toBe(false);
});

test("wait for room, and none is lost meanwhile", () => {
  const { refusals, pass } = start();
  for (const secretId of ["a", "b", "c"]) refusals.note(secretId, encodeAuditEvent(served));
  pass(1_000);
  expect(refusals.take(2)).toHaveLength(2);
  expect(refusals.isWaiting).toBe(true);
  refusals.note("c", encodeAuditEvent(served));
  const [last = ""] = refusals.take(2);
  expect(JSON.parse(last)).toMatchObject({ reason: "over-rate-2" });
});

test("are due at once when the clock went back", () => {
  const { refusals, pass } = start();
  refusals.note("a", encodeAuditEvent(served));
  pass(-3_600_000);
  expect(refusals.take(10)).toHaveLength(1);
});
