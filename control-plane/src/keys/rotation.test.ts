import { afterAll, beforeAll, expect, test } from "vitest";
import { readEpochs } from "../db/queries/accounts.ts";
import { silentLog } from "../log.ts";
import { type Account, type Harness, startHarness } from "../testing/harness.ts";
import { setKeyFields, versionsOfKey } from "../testing/keys.ts";
import { rotateDueKeys, rotationTimeMs } from "./rotation.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.close());

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;
/** An account of its own for each test: the job looks at all keys that are due. */
const fresh = async () => {
  root = await h.account();
  return root.createKey("rotating");
};
const codeOf = async (action: string, params: object) => (await root.call(action, params)).code;
const metadataOf = async (KeyId: string) => {
  const { response } = await root.call("DescribeKey", { KeyId });
  return response.KeyMetadata as Record<string, number>;
};
const epoch = async () => {
  const all = await h.database.read(readEpochs);
  return all.find(({ account }) => account === root.principal.account)?.epoch.counter ?? -1;
};
const run = (nowMs: number) =>
  rotateDueKeys({ database: h.database, bridge: h.bridge }, nowMs, silentLog);
const atBridge = (keyId: string) => h.bridge.versions.get(keyId) ?? 1;
const versions = (keyId: string) => versionsOfKey(h.database, keyId);
const asked = (keyId: string) =>
  h.bridge.calls.filter(
    ({ name, request }) => name === "rotateKey" && (request as { keyId: string }).keyId === keyId,
  ).length;

test("EnableKeyRotation sets period and date; a repetition does not put it off", async () => {
  const KeyId = await fresh();
  const status = async () => (await root.call("GetKeyRotationStatus", { KeyId })).response;
  expect(await status()).toMatchObject({ KeyRotationEnabled: false });
  const nowSeconds = Date.now() / 1000;
  expect(await codeOf("EnableKeyRotation", { KeyId })).toBeUndefined();
  expect(await status()).toMatchObject({ KeyRotationEnabled: true });
  const first = await metadataOf(KeyId);
  expect(first).toMatchObject({ KeyRotationEnabled: true, RotateDays: 365, LastRotateTime: 0 });
  expect(Math.abs((first.NextRotateTime ?? 0) - nowSeconds - 365 * 86_400)).toBeLessThan(30);
  await setKeyFields(h.database, KeyId, { nextRotateAtMs: 5_000_000_000_000 });
  await root.call("EnableKeyRotation", { KeyId, RotateDays: "365" });
  expect((await metadataOf(KeyId)).NextRotateTime).toBe(5_000_000_000);
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
  const changed = await metadataOf(KeyId);
  expect(Math.abs((changed.NextRotateTime ?? 0) - nowSeconds - 7 * 86_400)).toBeLessThan(30);
  for (const RotateDays of [6, 366]) {
    expect(await codeOf("EnableKeyRotation", { KeyId, RotateDays })).toBe("InvalidParameterValue");
  }
  for (let i = 0; i < 2; i++) {
    expect(await codeOf("DisableKeyRotation", { KeyId })).toBeUndefined();
    expect(await status()).toMatchObject({ KeyRotationEnabled: false });
  }
});

test("imported and asymmetric keys do not rotate", async () => {
  const notSupported = "UnsupportedOperation.RotateNotSupported";
  const KeyId = await fresh();
  await setKeyFields(h.database, KeyId, { origin: "EXTERNAL" });
  expect(await codeOf("EnableKeyRotation", { KeyId })).toBe(
    "UnsupportedOperation.ExternalCmkCanNotRotate",
  );
  expect(await codeOf("RotateKey", { KeyId })).toBe(notSupported);
  await setKeyFields(h.database, KeyId, {
    origin: "TENCENT_KMS",
    keyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC",
  });
  expect(await codeOf("EnableKeyRotation", { KeyId })).toBe(notSupported);
  expect(await codeOf("RotateKey", { KeyId })).toBe(notSupported);
});

test("RotateKey makes one version, tells it, and raises the epoch", async () => {
  const KeyId = await fresh();
  expect(await codeOf("RotateKey", { KeyId })).toBe("UnsupportedOperation.RotateNotSupported");
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 30 });
  const before = await epoch();
  const { response } = await root.call("RotateKey", { KeyId });
  expect(response.TaskId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  await expect.poll(() => versions(KeyId)).toEqual([1, 2]);
  expect(await epoch()).toBe(before + 1);
  const { LastRotateTime = 0, NextRotateTime = 0 } = await metadataOf(KeyId);
  expect(Math.abs(LastRotateTime - Date.now() / 1000)).toBeLessThan(30);
  expect(NextRotateTime - LastRotateTime).toBe(30 * 86_400);
  expect(await codeOf("RotateKey", { KeyId })).toBe("RequestLimitExceeded.RotateRateLimited");
  await setKeyFields(h.database, KeyId, { lastRotatedAtMs: Date.now() - dayMs - 1000 });
  expect(await codeOf("RotateKey", { KeyId })).toBeUndefined();
  await expect.poll(() => versions(KeyId)).toEqual([1, 2, 3]);
});

test("RotateKey is for enabled keys, and one at a time", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId });
  await root.call("DisableKey", { KeyId });
  const unsupported = "ResourceUnavailable.CmkStateNotSupport";
  expect(await codeOf("RotateKey", { KeyId })).toBe(unsupported);
  expect(await codeOf("EnableKeyRotation", { KeyId })).toBe(unsupported);
  await root.call("EnableKey", { KeyId });
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => root.call("RotateKey", { KeyId })),
  );
  expect(answers.filter(({ code }) => code === undefined)).toHaveLength(1);
  await expect.poll(() => versions(KeyId)).toEqual([1, 2]);
});

test("a rotation that was acknowledged happens, when the bridge is back", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId });
  h.bridge.failNext("rotateKey", "unreachable");
  expect(await codeOf("RotateKey", { KeyId })).toBeUndefined();
  await expect.poll(() => asked(KeyId)).toBe(1);
  expect(await codeOf("RotateKey", { KeyId })).toBe("FailedOperation.RotateTaskRunning");
  await run(Date.now());
  expect(atBridge(KeyId)).toBe(1);
  await run(Date.now() + rotationTimeMs + 1000);
  expect(await versions(KeyId)).toEqual([1, 2]);
});

test("a rotation cut off between bridge and database makes no third version", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
  const due = Date.now() + 8 * dayMs;
  // kill -9 after the bridge has made the version: its answer is lost, the claim stays.
  h.bridge.before = async (name) => {
    if (name !== "rotateKey") return;
    h.bridge.before = async () => {};
    h.bridge.versions.set(KeyId, 2);
    h.bridge.failNext("rotateKey", "no-answer");
  };
  await run(due);
  expect([atBridge(KeyId), await versions(KeyId)]).toEqual([2, [1]]);
  await run(due + rotationTimeMs + 1);
  expect([atBridge(KeyId), await versions(KeyId)]).toEqual([2, [1, 2]]);
});

test.each([
  ["DisableKey", {}, "Disabled"],
  ["ArchiveKey", {}, "Archived"],
  ["ScheduleKeyDeletion", { PendingWindowInDays: 7 }, "PendingDelete"],
] as const)(
  "a rotation at the bridge is finished, and %s stays done",
  async (action, params, state) => {
    const KeyId = await fresh();
    await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
    h.bridge.before = async (name) => {
      if (name !== "rotateKey") return;
      h.bridge.before = async () => {};
      if (state === "PendingDelete") await root.call("DisableKey", { KeyId });
      expect(await codeOf(action, { ...params, KeyId })).toBeUndefined();
    };
    const due = Date.now() + 8 * dayMs;
    await run(due);
    expect([atBridge(KeyId), await versions(KeyId)]).toEqual([2, [1, 2]]);
    expect(await metadataOf(KeyId)).toMatchObject({ KeyState: state });
    // What is due from then on waits.
    await run(due + 8 * dayMs);
    expect(await versions(KeyId)).toEqual([1, 2]);
  },
);

test("years pass in as many runs, and each key rotates once in its period", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 365 });
  const start = Date.now();
  for (let month = 1; month <= 61; month++) {
    await Promise.all([run(start + (month * yearMs) / 12 + 5000), run(start + month * 5000)]);
  }
  expect(await versions(KeyId)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(atBridge(KeyId)).toBe(6);
});

test("many control planes at once rotate a key once", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
  const due = Date.now() + 8 * dayMs;
  await Promise.all(Array.from({ length: 5 }, () => run(due)));
  expect([await versions(KeyId), asked(KeyId)]).toEqual([[1, 2], 1]);
});

test("a key that is not enabled waits, one without rotation does not rotate", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
  await root.call("DisableKey", { KeyId });
  const due = Date.now() + 8 * dayMs;
  await run(due);
  expect(await versions(KeyId)).toEqual([1]);
  await root.call("EnableKey", { KeyId });
  await root.call("DisableKeyRotation", { KeyId });
  await run(due);
  expect(await versions(KeyId)).toEqual([1]);
  await setKeyFields(h.database, KeyId, { rotationEnabled: true });
  await run(due);
  expect(await versions(KeyId)).toEqual([1, 2]);
});

test("a restored database catches up with the bridge and rotates", async () => {
  const KeyId = await fresh();
  await root.call("EnableKeyRotation", { KeyId, RotateDays: 7 });
  h.bridge.versions.set(KeyId, 4);
  await run(Date.now() + 8 * dayMs);
  expect([atBridge(KeyId), await versions(KeyId)]).toEqual([5, [1, 5]]);
});
