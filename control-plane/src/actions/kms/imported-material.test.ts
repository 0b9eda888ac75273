/** Keys with imported material whose end has come or is under way, and who else wants to change them then. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requireUsableKey } from "../../data-keys/states.ts";
import type { KeyState } from "../../db/queries/keys.ts";
import { endDueMaterial } from "../../keys/material.ts";
import { type KeyAction, transition } from "../../keys/states.ts";
import { silentLog } from "../../log.ts";
import { type Account, type Harness, startHarness } from "../../testing/harness.ts";
import { keyRowOf, setKeyFields } from "../../testing/keys.ts";
import { changesInParallel } from "../../testing/parallel.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
});
afterAll(() => h.close());

const unsupported = "ResourceUnavailable.CmkStateNotSupport";
const busy = "UnsupportedOperation.ServiceTemporaryUnavailable";
const binding = { ProductId: "ssm", ResourceId: "r" };
const material = Buffer.alloc(32, 1).toString("base64");

const codeOf = async (action: string, params: object) => (await root.call(action, params)).code;
const rowOf = async (keyId: string) => {
  const row = await keyRowOf(h.database, keyId);
  if (row === undefined) throw new Error("no such key");
  return row;
};
/** Parameters of an import, and with them the key's id. */
async function newKey(): Promise<{ KeyId: string; ImportToken: string }> {
  const made = await root.call("CreateKey", { Alias: `k-${randomUUID()}`, Type: 2 });
  const KeyId = String(made.response.KeyId);
  const asked = { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" };
  const { response } = await root.call("GetParametersForImport", asked);
  return { KeyId, ImportToken: String(response.ImportToken) };
}
async function newKeyWithMaterial(
  fields: Parameters<typeof setKeyFields>[2] = { state: "Enabled" },
) {
  const key = await newKey();
  const imported = await codeOf("ImportKeyMaterial", { ...key, EncryptedKeyMaterial: material });
  expect(imported).toBeUndefined();
  await setKeyFields(h.database, key.KeyId, fields);
  return key;
}

test("from ValidTo on a key waits for material, before anyone has written that down", async () => {
  // Keeps the job away for as long as the test needs.
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  h.bridge.before = (name) => (name === "deleteMaterial" ? held : Promise.resolve());
  try {
    const over = Date.now() - 1;
    const refused: [string, KeyState, object][] = [
      ["BindCloudResource", "Enabled", binding],
      ["EnableKey", "Disabled", {}],
      ["DisableKey", "Enabled", {}],
      ["ArchiveKey", "Enabled", {}],
      ["CancelKeyArchive", "Archived", {}],
      ["DeleteImportedKeyMaterial", "Enabled", {}],
    ];
    for (const [action, state, params] of refused) {
      const { KeyId } = await newKeyWithMaterial({ state, validToMs: over });
      expect(await codeOf(action, { ...params, KeyId }), action).toBe(unsupported);
      expect(await rowOf(KeyId)).toMatchObject({ validToMs: over, hasMaterial: true });
    }
    const KeyIds = [(await newKeyWithMaterial({ validToMs: over })).KeyId];
    expect(await codeOf("DisableKeys", { KeyIds })).toBe(unsupported);
  } finally {
    release();
    h.bridge.before = async () => {};
  }
});

test("material that has ended may be imported again at once, and a key without it deleted", async () => {
  const validToMs = Date.now() - 1;
  const key = await newKeyWithMaterial({ state: "Disabled", validToMs });
  const { KeyId } = key;
  const again = () => codeOf("ImportKeyMaterial", { ...key, EncryptedKeyMaterial: material });
  // A job may have the key in hand.
  await expect.poll(again).toBeUndefined();
  expect(await rowOf(KeyId)).toMatchObject({ state: "Enabled", validToMs: null });
  await setKeyFields(h.database, KeyId, { validToMs });
  const schedule = () => codeOf("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
  await expect.poll(schedule).toBeUndefined();
  expect(await rowOf(KeyId)).toMatchObject({ state: "PendingDelete" });
});

test("a key that an operator destroyed at the bridge is none", async () => {
  const gone = "ResourceUnavailable.CmkNotFound";
  const key = await newKeyWithMaterial();
  const { KeyId } = key;
  h.bridge.failNext("importParameters", "destroyed");
  const asked = { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" };
  expect(await codeOf("GetParametersForImport", asked)).toBe(gone);
  h.bridge.failNext("importMaterial", "destroyed");
  const again = { ...key, EncryptedKeyMaterial: material };
  expect(await codeOf("ImportKeyMaterial", again)).toBe(gone);
  h.bridge.failNext("deleteMaterial", "destroyed");
  expect(await codeOf("DeleteImportedKeyMaterial", { KeyId })).toBe(gone);
});

test("while material is deleted at the bridge, nothing happens that would keep it", async () => {
  const { KeyId } = await newKeyWithMaterial();
  const told: (string | undefined)[] = [];
  h.bridge.before = async (name) => {
    if (name !== "deleteMaterial") return;
    h.bridge.before = async () => {};
    told.push(await codeOf("BindCloudResource", { ...binding, KeyId }));
    told.push(await codeOf("ArchiveKey", { KeyId }));
    told.push(await codeOf("DisableKey", { KeyId }));
    told.push(await codeOf("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }));
    told.push(await codeOf("EnableKey", { KeyId }));
    told.push(await codeOf("DisableKeys", { KeyIds: [KeyId] }));
  };
  expect(await codeOf("DeleteImportedKeyMaterial", { KeyId })).toBeUndefined();
  expect(told).toEqual([busy, busy, undefined, busy, undefined, undefined]);
  expect(await rowOf(KeyId)).toMatchObject({ state: "PendingImport", hasMaterial: false });
});

test("and no hosted data key of it is enabled or taken back from then on", () => {
  const key = { keyState: "Enabled", keyValidToMs: 1_000 } as const;
  expect(() => requireUsableKey(key, 999)).not.toThrow();
  expect(() => requireUsableKey(key, 1_000)).toThrow(
    expect.objectContaining({ code: unsupported }),
  );
});

test("a deletion of the key that meets one of its material gives way", async () => {
  const { KeyId } = await newKeyWithMaterial({ state: "Disabled" });
  h.bridge.before = async (name) => {
    if (name !== "scheduleDestruction") return;
    h.bridge.before = async () => {};
    // Its answer is lost: what was destroyed is not known.
    h.bridge.failNext("deleteMaterial", "no-answer");
    expect(await codeOf("DeleteImportedKeyMaterial", { KeyId })).toBe(busy);
  };
  expect(await codeOf("ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 })).toBe(busy);
  expect(await rowOf(KeyId)).toMatchObject({ state: "Disabled", materialStep: "delete" });
  await expect.poll(() => h.bridge.dates.has(KeyId)).toBe(false);
  const { materialStepUntilMs } = await rowOf(KeyId);
  const services = { database: h.database, bridge: h.bridge };
  await endDueMaterial(services, (materialStepUntilMs ?? 0) + 1, silentLog);
  expect(await rowOf(KeyId)).toMatchObject({ state: "PendingImport", hasMaterial: false });
});

test("parallel calls at two control planes never make a transition that the table lacks", async () => {
  const { KeyId, ImportToken } = await newKeyWithMaterial();
  const rows: Record<string, KeyAction> = {
    DeleteImportedKeyMaterial: "deleteMaterial",
    ImportKeyMaterial: "importMaterial",
    BindCloudResource: "bind",
    EnableKey: "enable",
    DisableKey: "disable",
    UnbindCloudResource: "unbind",
    ArchiveKey: "archive",
    CancelKeyArchive: "cancelArchive",
    ScheduleKeyDeletion: "scheduleDeletion",
    CancelKeyDeletion: "cancelDeletion",
  };
  const params = {
    ImportKeyMaterial: { ImportToken, EncryptedKeyMaterial: material },
    BindCloudResource: binding,
    UnbindCloudResource: binding,
    ScheduleKeyDeletion: { PendingWindowInDays: 7 },
  };
  const actions = { ...Object.fromEntries(Object.keys(rows).map((name) => [name, {}])), ...params };
  const changes = await changesInParallel(h, root, KeyId, actions, 6);
  // The key's own import came before.
  let state: KeyState = "PendingImport";
  let isBound = false;
  let hasMaterial = false;
  for (const name of changes) {
    const action = rows[name] as KeyAction;
    const next = transition({ state, owner: "user", isBound, hasMaterial }, action);
    expect(next.ok, `${name} in ${state}`).toBe(true);
    if (next.ok) state = next.state;
    if (action === "bind" || action === "unbind") isBound = action === "bind";
    if (action === "importMaterial" || action === "deleteMaterial") {
      hasMaterial = action === "importMaterial";
    }
  }
  expect(changes.length).toBeGreaterThan(4);
  expect(await rowOf(KeyId)).toMatchObject({ state, hasMaterial });
  // An import that was overtaken has left material at the bridge until it is undone (keys/material.ts); none may be missing.
  if (hasMaterial) expect(h.bridge.materials.get(KeyId)).toBe(material);
}, 60_000);
