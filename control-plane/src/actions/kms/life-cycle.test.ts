/** Enabling, disabling, archiving, binding and deleting keys, alone and many at once. */

import { randomUUID } from "node:crypto";
import { kmsActions } from "@edge-kms/protocol";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEpochs } from "../../db/queries/accounts.ts";
import type { KeyState } from "../../db/queries/keys.ts";
import { type KeyAction, transition } from "../../keys/states.ts";
import { callEventsOf } from "../../testing/events.ts";
import { type Account, type Harness, startHarness } from "../../testing/harness.ts";
import { setKeyFields } from "../../testing/keys.ts";
import { changesInParallel } from "../../testing/parallel.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
});
afterAll(() => h.close());

const dayMs = 86_400_000;
const codeOf = async (action: string, params: object) => (await root.call(action, params)).code;
const stateOf = async (KeyId: string) => {
  const { response } = await root.call("DescribeKey", { KeyId });
  return (response.KeyMetadata as { KeyState: string }).KeyState;
};
const metadataOf = async (KeyId: string) => {
  const { response } = await root.call("DescribeKey", { KeyId });
  return response.KeyMetadata as Record<string, unknown>;
};
const epoch = async () => {
  const all = await h.database.read(readEpochs);
  return all.find(({ account }) => account === root.principal.account)?.epoch.counter ?? -1;
};
let made = 0;
const newKey = (state: KeyState = "Enabled") => {
  made += 1;
  return root.createKey(`key-${made}`).then(async (keyId) => {
    if (state !== "Enabled") await setKeyFields(h.database, keyId, { state });
    return keyId;
  });
};
const unsupported = "ResourceUnavailable.CmkStateNotSupport";
const notFound = "ResourceUnavailable.CmkNotFound";
const used = "FailedOperation.CmkUsedByCloudProduct";
const notUserMade = "UnsupportedOperation.NotUserCreatedCmk";

const onOneKey = [
  ["ArchiveKey", {}],
  ["CancelKeyArchive", {}],
  ["ScheduleKeyDeletion", { PendingWindowInDays: 7 }],
  ["CancelKeyDeletion", {}],
  ["EnableKeyRotation", {}],
  ["DisableKeyRotation", {}],
  ["GetKeyRotationStatus", {}],
  ["RotateKey", {}],
  ["BindCloudResource", { ProductId: "ssm", ResourceId: "r" }],
  ["UnbindCloudResource", { ProductId: "ssm", ResourceId: "r" }],
] as const;

describe.each(onOneKey)("%s", (name, params) => {
  test("refuses a KeyId that is missing, malformed, unknown or somebody else's", async () => {
    expect(await codeOf(name, params)).toBe("MissingParameter");
    expect(await codeOf(name, { ...params, KeyId: 5 })).toBe("InvalidParameter");
    const malformed = { ...params, KeyId: "no-uuid" };
    expect(await codeOf(name, malformed)).toBe("InvalidParameterValue.InvalidKeyId");
    expect(await codeOf(name, { ...params, KeyId: randomUUID() })).toBe(notFound);
    const stranger = await h.account();
    const KeyId = await stranger.createKey("mine");
    expect(await codeOf(name, { ...params, KeyId })).toBe(notFound);
  });

  test("refuses sub-users and member accounts", async () => {
    const user = await h.account("user");
    const KeyId = await newKey();
    expect((await user.call(name, { ...params, KeyId })).code).toBe("UnauthorizedOperation");
    if (name.endsWith("CloudResource")) return;
    const member = { ...params, KeyId, MemberAccount: { MemberUin: 42 } };
    expect(await codeOf(name, member)).toBe("UnsupportedOperation.NotRoleOperation");
  });
});

describe("EnableKeys and DisableKeys", () => {
  test("change all, once, and raise the epoch once", async () => {
    const KeyIds = [await newKey(), await newKey(), await newKey("Disabled")];
    const before = await epoch();
    for (const action of ["DisableKeys", "DisableKeys"]) {
      expect(await codeOf(action, { KeyIds })).toBeUndefined();
      expect(await Promise.all(KeyIds.map(stateOf))).toEqual(Array(3).fill("Disabled"));
      expect(await epoch()).toBe(before + 1);
    }
    expect(await codeOf("EnableKeys", { KeyIds })).toBeUndefined();
    expect(await Promise.all(KeyIds.map(stateOf))).toEqual(Array(3).fill("Enabled"));
    const events = await callEventsOf(h.database, root.principal.account);
    expect(events.findLast(({ action }) => action === "EnableKeys")?.keyIds).toEqual(KeyIds);
  });

  test("or change none", async () => {
    const good = await newKey();
    const off = await newKey("Disabled");
    const archived = await newKey("Archived");
    const bound = await newKey();
    await root.call("BindCloudResource", { KeyId: bound, ProductId: "ssm", ResourceId: "r" });
    const refused: [string, string[], string][] = [
      ["DisableKeys", [good, archived], unsupported],
      ["DisableKeys", [good, bound], used],
      ["DisableKeys", [good, randomUUID()], notFound],
      ["EnableKeys", [off, archived], unsupported],
      ["EnableKeys", [off, randomUUID()], notFound],
    ];
    const before = await epoch();
    for (const [action, KeyIds, code] of refused)
      expect(await codeOf(action, { KeyIds })).toBe(code);
    expect([await stateOf(good), await stateOf(off)]).toEqual(["Enabled", "Disabled"]);
    expect(await epoch()).toBe(before);
    for (const action of ["EnableKeys", "DisableKeys"]) {
      expect(await codeOf(action, {})).toBe("MissingParameter");
      expect(await codeOf(action, { KeyIds: [] })).toBe("InvalidParameter");
      expect(await codeOf(action, { KeyIds: ["x"] })).toBe("InvalidParameterValue.InvalidKeyId");
      const twice = "InvalidParameterValue.DuplicatedKeyId";
      expect(await codeOf(action, { KeyIds: [good, good] })).toBe(twice);
      const MemberAccount = { MemberUin: 42 };
      const member = "UnsupportedOperation.NotRoleOperation";
      expect(await codeOf(action, { KeyIds: [good], MemberAccount })).toBe(member);
    }
  });

  test("two batches in opposite orders do not wait for each other", async () => {
    const KeyIds = await Promise.all(Array.from({ length: 6 }, () => newKey()));
    const backwards = [...KeyIds].reverse();
    const answers = await Promise.all([
      ...Array.from({ length: 3 }, () => root.call("DisableKeys", { KeyIds })),
      ...Array.from({ length: 3 }, () => root.call("EnableKeys", { KeyIds: backwards })),
    ]);
    expect(answers.map(({ code }) => code)).toEqual(Array(6).fill(undefined));
    expect(new Set(await Promise.all(KeyIds.map(stateOf))).size).toBe(1);
  });
});

describe("ArchiveKey and CancelKeyArchive", () => {
  test("from Enabled and from Disabled, back to Enabled; each raises the epoch", async () => {
    for (const state of ["Enabled", "Disabled"] as const) {
      const KeyId = await newKey(state);
      const before = await epoch();
      expect(await codeOf("ArchiveKey", { KeyId })).toBeUndefined();
      expect(await stateOf(KeyId)).toBe("Archived");
      expect(await codeOf("ArchiveKey", { KeyId })).toBe(unsupported);
      expect(await codeOf("CancelKeyArchive", { KeyId })).toBeUndefined();
      expect(await stateOf(KeyId)).toBe("Enabled");
      expect(await codeOf("CancelKeyArchive", { KeyId })).toBe(unsupported);
      expect(await epoch()).toBe(before + 2);
    }
  });
});

describe("keys that a cloud product made", () => {
  test("are listed, described and rotated, and nothing else", async () => {
    const KeyId = await newKey();
    await setKeyFields(h.database, KeyId, { owner: "cos" });
    const { response } = await root.call("ListKeys", { Role: 1 });
    expect(response.Keys).toContainEqual({ KeyId });
    expect(await metadataOf(KeyId)).toMatchObject({ Owner: "cos" });
    expect(await codeOf("EnableKeyRotation", { KeyId })).toBeUndefined();
    expect(await codeOf("RotateKey", { KeyId })).toBeUndefined();
    for (const action of ["ArchiveKey", "CancelKeyArchive", "EnableKey", "CancelKeyDeletion"]) {
      expect(await codeOf(action, { KeyId })).toBe(notUserMade);
    }
    expect(await codeOf("UpdateAlias", { KeyId, Alias: "other" })).toBe(notUserMade);
    expect(await codeOf("DisableKey", { KeyId })).toBe(used);
    expect(await codeOf("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 })).toBe(used);
  });
});

describe("BindCloudResource and UnbindCloudResource", () => {
  const binding = { ProductId: "ssm", ResourceId: "secret-1" };

  test("a bound key is neither disabled nor archived nor deleted until the last binding is gone", async () => {
    const KeyId = await newKey();
    await setKeyFields(h.database, KeyId, { validToMs: Date.now() + dayMs });
    for (const ResourceId of ["secret-1", "secret-1", "secret-2"]) {
      expect(await codeOf("BindCloudResource", { ...binding, KeyId, ResourceId })).toBeUndefined();
    }
    expect((await metadataOf(KeyId)).ValidTo).toBe(0);
    const refused = async () => [
      await codeOf("DisableKey", { KeyId }),
      await codeOf("ArchiveKey", { KeyId }),
      await codeOf("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }),
    ];
    expect(await refused()).toEqual([used, used, used]);
    expect(await codeOf("UnbindCloudResource", { ...binding, KeyId })).toBeUndefined();
    expect(await refused()).toEqual([used, used, used]);
    const missing = "ResourceUnavailable.CloudResourceBindingNotFound";
    expect(await codeOf("UnbindCloudResource", { ...binding, KeyId })).toBe(missing);
    const last = { KeyId, ProductId: "ssm", ResourceId: "secret-2" };
    expect(await codeOf("UnbindCloudResource", last)).toBeUndefined();
    expect(await codeOf("DisableKey", { KeyId })).toBeUndefined();
  });

  test("only keys in use get a binding; product and resource must be named", async () => {
    for (const state of ["Disabled", "PendingImport", "PendingDelete", "Archived"] as const) {
      const KeyId = await newKey(state);
      expect(await codeOf("BindCloudResource", { ...binding, KeyId })).toBe(unsupported);
    }
    const KeyId = await newKey();
    for (const action of ["BindCloudResource", "UnbindCloudResource"]) {
      expect(await codeOf(action, { KeyId, ProductId: "ssm" })).toBe("MissingParameter");
      expect(await codeOf(action, { ...binding, KeyId, ProductId: "" })).toBe("InvalidParameter");
    }
  });

  test("of a binding and a disabling at the same time one wins", async () => {
    const KeyIds = await Promise.all(Array.from({ length: 5 }, () => newKey()));
    await Promise.all(
      KeyIds.flatMap((KeyId) => [
        root.call("DisableKey", { KeyId }),
        root.call("BindCloudResource", { ...binding, KeyId }),
      ]),
    );
    for (const KeyId of KeyIds) {
      const isBound = (await codeOf("UnbindCloudResource", { ...binding, KeyId })) === undefined;
      expect(isBound).toBe((await stateOf(KeyId)) === "Enabled");
    }
  });
});

describe("ScheduleKeyDeletion and CancelKeyDeletion", () => {
  const schedule = (KeyId: string, PendingWindowInDays: unknown = 7) =>
    root.call("ScheduleKeyDeletion", { KeyId, PendingWindowInDays });
  const busy = "UnsupportedOperation.ServiceTemporaryUnavailable";

  test("the bridge has the date before the caller has it", async () => {
    for (const state of ["Disabled", "PendingImport", "Archived"] as const) {
      const KeyId = await newKey(state);
      const before = await epoch();
      const { response } = await schedule(KeyId, "30");
      expect(v.is(kmsActions.ScheduleKeyDeletion.output, response)).toBe(true);
      const date = h.bridge.dates.get(KeyId) ?? 0;
      expect(response).toMatchObject({ KeyId, DeletionDate: Math.floor(date / 1000) });
      expect(Math.abs(date - (Date.now() + 30 * dayMs))).toBeLessThan(60_000);
      expect(await metadataOf(KeyId)).toMatchObject({
        KeyState: "PendingDelete",
        DeletionDate: response.DeletionDate,
      });
      expect((await root.call("CancelKeyDeletion", { KeyId })).response).toMatchObject({ KeyId });
      expect(h.bridge.dates.has(KeyId)).toBe(false);
      expect(await metadataOf(KeyId)).toMatchObject({ KeyState: "Disabled", DeletionDate: 0 });
      expect(await epoch()).toBe(before + 2);
    }
  });

  test("refuse what the state does not allow, and windows that are none", async () => {
    const KeyId = await newKey();
    expect((await schedule(KeyId)).code).toBe("ResourceUnavailable.CmkShouldBeDisabled");
    const notPending = "ResourceUnavailable.CmkNotPendingDelete";
    expect(await codeOf("CancelKeyDeletion", { KeyId })).toBe(notPending);
    await root.call("DisableKey", { KeyId });
    for (const days of [6, 31, 0, -1, "31"]) {
      expect((await schedule(KeyId, days)).code).toBe(
        "InvalidParameter.InvalidPendingWindowInDays",
      );
    }
    expect(await codeOf("ScheduleKeyDeletion", { KeyId })).toBe("MissingParameter");
    await schedule(KeyId);
    expect((await schedule(KeyId)).code).toBe(unsupported);
    for (const action of ["EnableKey", "DisableKey", "ArchiveKey", "CancelKeyArchive"]) {
      expect(await codeOf(action, { KeyId })).toBe(unsupported);
    }
  });

  test.each([
    ["hsm-unavailable", busy],
    ["unreachable", busy],
    ["no-answer", busy],
    ["internal", "InternalError"],
    ["frozen", "UnauthorizedOperation"],
    ["destroyed", notFound],
  ] as const)("when the bridge says %s, nothing has changed", async (failure, code) => {
    const KeyId = await newKey("Disabled");
    h.bridge.failNext("scheduleDestruction", failure);
    expect((await schedule(KeyId)).code).toBe(code);
    expect(await stateOf(KeyId)).toBe("Disabled");
    // Settled in the background: then the key may be scheduled again.
    await expect.poll(async () => (await schedule(KeyId)).code).toBeUndefined();
    h.bridge.failNext("cancelDestruction", failure);
    expect(await codeOf("CancelKeyDeletion", { KeyId })).toBe(code);
    if (failure === "destroyed") return;
    expect(await stateOf(KeyId)).toBe("PendingDelete");
    await expect.poll(() => codeOf("CancelKeyDeletion", { KeyId })).toBeUndefined();
    expect(h.bridge.dates.has(KeyId)).toBe(false);
  });

  test("a key that is enabled meanwhile is not deleted, and the bridge forgets the date", async () => {
    const KeyId = await newKey("Disabled");
    let second: string | undefined;
    h.bridge.before = async (name) => {
      if (name !== "scheduleDestruction") return;
      h.bridge.before = async () => {};
      second = (await schedule(KeyId)).code;
      await root.call("EnableKey", { KeyId });
    };
    expect((await schedule(KeyId)).code).toBe("ResourceUnavailable.CmkShouldBeDisabled");
    expect(second).toBe(busy);
    expect(await stateOf(KeyId)).toBe("Enabled");
    await expect.poll(() => h.bridge.dates.has(KeyId)).toBe(false);
  });
});

test("parallel calls at two control planes never make a transition that the table lacks", async () => {
  const KeyId = await newKey();
  const rows: Record<string, KeyAction> = {
    EnableKey: "enable",
    DisableKey: "disable",
    ArchiveKey: "archive",
    CancelKeyArchive: "cancelArchive",
    ScheduleKeyDeletion: "scheduleDeletion",
    CancelKeyDeletion: "cancelDeletion",
  };
  const params = { ScheduleKeyDeletion: { PendingWindowInDays: 7 } };
  const actions = { ...Object.fromEntries(Object.keys(rows).map((name) => [name, {}])), ...params };
  const changes = await changesInParallel(h, root, KeyId, actions, 8);
  let state: KeyState = "Enabled";
  for (const name of changes) {
    const next = transition({ state, owner: "user" }, rows[name] as KeyAction);
    expect(next.ok, `${name} in ${state}`).toBe(true);
    if (next.ok) state = next.state;
  }
  expect(changes.length).toBeGreaterThan(8);
  expect(await stateOf(KeyId)).toBe(state);
  await expect.poll(() => h.bridge.dates.has(KeyId)).toBe(state === "PendingDelete");
}, 30_000);
