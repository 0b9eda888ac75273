/** That the checker sees what breaks a rule: a run without violations says something only then. */

import { describe, expect, it } from "vitest";
import { type Call, CallLog } from "./calls.ts";
import { checkDeadlines, checkExpiry, checkRefusals } from "./checker.ts";
import { CHANGE_DEADLINE_MS, checkState, DATA_DEADLINE_MS, SHORT_LEASE_MS } from "./clients.ts";
import type { Fault } from "./faults.ts";

const fault: Fault = { name: "a fault", begin: async () => async () => {}, lastsMs: 0 };

const call = (changes: Partial<Call>): Call => ({
  action: "Encrypt",
  what: "short-lived",
  sentAtMs: 0,
  endedAtMs: 10,
  outcome: "ok",
  requestId: "1",
  ...changes,
});

describe("refusals", () => {
  it.each([
    [{ outcome: "InternalError" }, 0],
    [{ outcome: "RequestLimitExceeded" }, 0],
    [{ outcome: "InvalidParameterValue.InvalidCiphertext", action: "Decrypt" }, 1],
    [{ outcome: "ResourceUnavailable.CmkDisabled" }, 1],
    [{ outcome: "AuthFailure.SignatureFailure" }, 1],
    [{ outcome: "UnsupportedOperation.ServiceTemporaryUnavailable", action: "CreateKey" }, 0],
    [{ outcome: "AuthFailure.SignatureExpire", action: "EnableKey" }, 1],
    [{ outcome: "AuthFailure.SignatureExpire", action: "EnableKey", endedAtMs: 6_000 }, 0],
    [{ outcome: "ECONNRESET", requestId: null }, 1],
  ])("of the form %j: %i violations", (changes, violations) => {
    expect(checkRefusals([call(changes)], fault)).toHaveLength(violations);
  });

  it("are no connection only where the edge itself is away", () => {
    const lost = [call({ outcome: "ECONNRESET", requestId: null })];
    expect(checkRefusals(lost, { ...fault, takesEdgeAway: true })).toEqual([]);
  });
});

it("an answer after the last lease that an edge could have is one too many", () => {
  const cut = { ...fault, cutsEdgeOff: true };
  const window = { fromMs: 1_000, untilMs: 1_000 + 2 * SHORT_LEASE_MS };
  const at = (sentAtMs: number, changes: Partial<Call> = {}) =>
    call({ sentAtMs, endedAtMs: sentAtMs + 5, ...changes });
  const late = window.fromMs + SHORT_LEASE_MS + 1;
  expect(checkExpiry([at(late)], cut, window)).toHaveLength(1);
  expect(checkExpiry([at(late - 2)], cut, window)).toEqual([]);
  expect(checkExpiry([at(late, { outcome: "InternalError" })], cut, window)).toEqual([]);
  expect(checkExpiry([at(late, { what: "leased" })], cut, window)).toEqual([]);
  expect(checkExpiry([at(late, { endedAtMs: window.untilMs + 1 })], cut, window)).toEqual([]);
});

it("a call is late by its own deadline", () => {
  const took = (endedAtMs: number, action: string) => [call({ action, endedAtMs })];
  expect(checkDeadlines(took(DATA_DEADLINE_MS, "Decrypt"), fault)).toHaveLength(1);
  expect(checkDeadlines(took(DATA_DEADLINE_MS, "CreateKey"), fault)).toEqual([]);
  expect(checkDeadlines(took(CHANGE_DEADLINE_MS, "CreateKey"), fault)).toHaveLength(1);
});

it("a state that nobody acknowledged or asked for is a lost write", () => {
  const log = new CallLog();
  const key = { keyId: "k", states: new Set(["Enabled", "Disabled"]) };
  checkState(log, key, "Disabled");
  expect(log.violations).toEqual([]);
  checkState(log, key, "PendingDelete");
  checkState(log, key, undefined);
  expect(log.violations).toHaveLength(2);
});
