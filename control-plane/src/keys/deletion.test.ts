import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { silentLog } from "../log.ts";
import { type Account, type Harness, startHarness } from "../testing/harness.ts";
import { keyRowOf, setKeyFields } from "../testing/keys.ts";
import { deletionStepMs, finishDueDeletions } from "./deletion.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
});
afterEach(() => {
  h.bridge.clock = Date.now;
});
afterAll(() => h.close());

const dayMs = 86_400_000;
const minuteMs = 60_000;
const notFound = "ResourceUnavailable.CmkNotFound";
const codeOf = async (action: string, params: object) => (await root.call(action, params)).code;
const stateOf = async (keyId: string) => (await keyRowOf(h.database, keyId))?.state;
/** A run of the job at a time, which is the bridge's as well. */
const run = (nowMs: number) => {
  h.bridge.clock = () => nowMs;
  return finishDueDeletions({ database: h.database, bridge: h.bridge }, nowMs, silentLog);
};
const leaving = async (days = 7) => {
  root = await h.account();
  const KeyId = await root.createKey("leaving");
  await root.call("DisableKey", { KeyId });
  await root.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: days });
  return { KeyId, date: h.bridge.dates.get(KeyId) ?? 0 };
};

test("a key is destroyed when its date has come and not before; a tombstone stays", async () => {
  const { KeyId, date } = await leaving();
  await run(date - 1);
  expect(await stateOf(KeyId)).toBe("PendingDelete");
  await run(date);
  expect(h.bridge.destroyed.has(KeyId)).toBe(true);
  expect(await keyRowOf(h.database, KeyId)).toMatchObject({
    state: "Deleted",
    deletedAtMs: date,
    alias: "leaving",
  });
  // Of this key: others, of freezes for example, are made all the time.
  const callsOf = () =>
    h.bridge.calls.filter(({ request }) => (request as { keyId?: string }).keyId === KeyId).length;
  const calls = callsOf();
  await run(date + dayMs);
  expect(callsOf()).toBe(calls);
});

test("a deleted key is found by no action, and its alias is free", async () => {
  const { KeyId, date } = await leaving();
  await run(date);
  for (const [action, params] of [
    ["DescribeKey", {}],
    ["EnableKey", {}],
    ["CancelKeyDeletion", {}],
    ["ScheduleKeyDeletion", { PendingWindowInDays: 7 }],
    ["RotateKey", {}],
    ["UpdateAlias", { Alias: "x" }],
  ] as const) {
    expect(await codeOf(action, { ...params, KeyId })).toBe(notFound);
  }
  expect(await codeOf("EnableKeys", { KeyIds: [KeyId] })).toBe(notFound);
  expect(await codeOf("DescribeKeys", { KeyIds: [KeyId] })).toBe(notFound);
  expect((await root.call("ListKeyDetail")).response.TotalCount).toBe(0);
  expect(await codeOf("CreateKey", { Alias: "leaving" })).toBeUndefined();
  expect((await root.call("GetServiceStatus")).response.CmkUserCount).toBe(1);
});

test("a key that was taken back stays", async () => {
  const { KeyId, date } = await leaving();
  await root.call("CancelKeyDeletion", { KeyId });
  await run(date + dayMs);
  expect(await stateOf(KeyId)).toBe("Disabled");
  expect(h.bridge.destroyed.has(KeyId)).toBe(false);
});

test("many control planes at once destroy a key once", async () => {
  const { KeyId, date } = await leaving();
  await Promise.all(Array.from({ length: 5 }, () => run(date)));
  const asked = h.bridge.calls.filter(
    ({ name, request }) => name === "destroyKey" && (request as { keyId: string }).keyId === KeyId,
  );
  expect(asked).toHaveLength(1);
  expect(await stateOf(KeyId)).toBe("Deleted");
});

test.each(["unreachable", "hsm-unavailable", "frozen", "internal"] as const)(
  "when the bridge says %s, the key waits and may be taken back; later it goes",
  async (failure) => {
    const { KeyId, date } = await leaving();
    h.bridge.failNext("destroyKey", failure);
    await run(date);
    expect(await stateOf(KeyId)).toBe("PendingDelete");
    await run(date + deletionStepMs / 2);
    expect(await stateOf(KeyId)).toBe("PendingDelete");
    await run(date + deletionStepMs + 1);
    expect(await stateOf(KeyId)).toBe("Deleted");
  },
);

test("past its date and not destroyed yet, a key may be taken back", async () => {
  const { KeyId, date } = await leaving();
  h.bridge.failNext("destroyKey", "frozen");
  await run(date);
  const busy = "UnsupportedOperation.ServiceTemporaryUnavailable";
  expect(await codeOf("CancelKeyDeletion", { KeyId })).toBe(busy);
  await setKeyFields(h.database, KeyId, { deletionStepUntilMs: Date.now() - 1 });
  expect(await codeOf("CancelKeyDeletion", { KeyId })).toBeUndefined();
  await run(date + dayMs);
  expect(await stateOf(KeyId)).toBe("Disabled");
});

test("cut off between bridge and database, the next run finishes it", async () => {
  const { KeyId, date } = await leaving();
  h.bridge.before = async (name) => {
    if (name !== "destroyKey") return;
    h.bridge.before = async () => {};
    h.bridge.destroyed.add(KeyId);
    h.bridge.failNext("destroyKey", "no-answer");
  };
  await run(date);
  expect(await stateOf(KeyId)).toBe("PendingDelete");
  await run(date + deletionStepMs + 1);
  expect(await stateOf(KeyId)).toBe("Deleted");
});

test("the bridge's date counts: too early by its clock is tried again", async () => {
  const { KeyId, date } = await leaving();
  h.bridge.clock = () => date - minuteMs;
  await finishDueDeletions({ database: h.database, bridge: h.bridge }, date, silentLog);
  expect(await stateOf(KeyId)).toBe("PendingDelete");
  await run(date + deletionStepMs + 1);
  expect(await stateOf(KeyId)).toBe("Deleted");
});

test("a date that an operator took from the bridge begins anew", async () => {
  const { KeyId, date } = await leaving();
  h.bridge.dates.delete(KeyId);
  await run(date);
  const again = date + 7 * dayMs;
  expect(await keyRowOf(h.database, KeyId)).toMatchObject({
    state: "PendingDelete",
    deletionAtMs: again,
  });
  await run(again - 1);
  expect(await stateOf(KeyId)).toBe("PendingDelete");
  await run(again);
  expect(await stateOf(KeyId)).toBe("Deleted");
});

test("a step whose maker died is settled: the bridge's date fits the state again", async () => {
  const { KeyId, date } = await leaving();
  // Died in ScheduleKeyDeletion, after the bridge had the date and before the state changed.
  await setKeyFields(h.database, KeyId, {
    state: "Disabled",
    deletionAtMs: null,
    deletionStepUntilMs: Date.now() + deletionStepMs,
  });
  await run(Date.now());
  expect(h.bridge.dates.has(KeyId)).toBe(true);
  await run(Date.now() + deletionStepMs + minuteMs);
  expect(h.bridge.dates.has(KeyId)).toBe(false);
  expect(await stateOf(KeyId)).toBe("Disabled");
  // Died in CancelKeyDeletion, after the bridge had forgotten the date.
  await setKeyFields(h.database, KeyId, {
    state: "PendingDelete",
    deletionAtMs: date,
    deletionStepUntilMs: 1,
  });
  await run(Date.now());
  expect(h.bridge.dates.get(KeyId)).toBeGreaterThanOrEqual(date);
  expect(await keyRowOf(h.database, KeyId)).toMatchObject({
    state: "PendingDelete",
    deletionStepUntilMs: null,
    deletionAtMs: h.bridge.dates.get(KeyId),
  });
});
