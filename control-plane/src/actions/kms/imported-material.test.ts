/** Keys with imported material whose end has come or is under way, and who else wants to change them then. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KeyState } from "../../db/queries/keys.ts";
import { endDueMaterial } from "../../keys/material.ts";
import { type KeyAction, transition } from "../../keys/states.ts";
import { silentLog } from "../../log.ts";
import { callApi } from "../../testing/client.ts";
import { callEventsOf } from "../../testing/events.ts";
import { type Account, type Harness, startHarness } from "../../testing/harness.ts";
import { keyRowOf, setKeyFields } from "../../testing/keys.ts";

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
  const other = await h.another();
  const { KeyId, ImportToken } = await newKeyWithMaterial();
  const actions: Record<string, [KeyAction, object]> = {
    DeleteImportedKeyMaterial: ["deleteMaterial", {}],
    ImportKeyMaterial: ["importMaterial", { ImportToken, EncryptedKeyMaterial: material }],
    BindCloudResource: ["bind", binding],
    EnableKey: ["enable", {}],
    DisableKey: ["disable", {}],
    UnbindCloudResource: ["unbind", binding],
    ArchiveKey: ["archive", {}],
    CancelKeyArchive: ["cancelArchive", {}],
    ScheduleKeyDeletion: ["scheduleDeletion", { PendingWindowInDays: 7 }],
    CancelKeyDeletion: ["cancelDeletion", {}],
  };
  const names = Object.keys(actions);
  let second = Math.floor(Date.now() / 1000) + 20;
  for (let round = 0; round < 6; round++) {
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => {
        const name = names[(i * 3 + round * 7) % names.length] ?? "";
        const params = { KeyId, ...actions[name]?.[1] };
        if (i % 2 === 0) return root.call(name, params);
        second += 1;
        return callApi(other.url, root, name, params, { timestampSeconds: second });
      }),
    );
  }
  // Events are written in the transaction of their change, which holds the key's row: their order is that of the changes.
  const events = await callEventsOf(h.database, root.principal.account);
  let state: KeyState = "PendingImport";
  let isBound = false;
  let hasMaterial = false;
  let changes = 0;
  for (const event of events) {
    const action = actions[event.action]?.[0];
    if (!event.keyIds.includes(KeyId) || event.errorCode !== "" || action === undefined) continue;
    const next = transition({ state, owner: "user", isBound, hasMaterial }, action);
    expect(next.ok, `${event.action} in ${state}`).toBe(true);
    if (next.ok) state = next.state;
    if (action === "bind" || action === "unbind") isBound = action === "bind";
    if (action === "importMaterial" || action === "deleteMaterial") {
      hasMaterial = action === "importMaterial";
    }
    changes += 1;
  }
  expect(changes).toBeGreaterThan(4);
  expect(await rowOf(KeyId)).toMatchObject({ state, hasMaterial });
  // An import that was overtaken may have left material at the bridge, which does no harm (keys/material.ts); none may be missing.
  if (hasMaterial) expect(h.bridge.materials.get(KeyId)).toBe(material);
}, 60_000);
