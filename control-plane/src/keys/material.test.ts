/** Imports that were not acknowledged leave nothing in the bridge that the row knows nothing of. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { BridgeError } from "../bridge/errors.ts";
import { silentLog } from "../log.ts";
import { type Harness, startHarness } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";
import { endDueMaterial, materialStepMs } from "./material.ts";

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
}, 60_000);
afterAll(() => h.close());

const material = Buffer.alloc(32, 7).toString("base64");
const busy = "UnsupportedOperation.ServiceTemporaryUnavailable";
const services = () => ({ database: h.database, bridge: h.bridge });
const settle = () => endDueMaterial(services(), Date.now() + materialStepMs + 1, silentLog);

async function newKey() {
  const root = await h.account();
  const { response } = await root.call("CreateKey", { Alias: "external", Type: 2 });
  const KeyId = response.KeyId as string;
  const importIt = async (more: object = {}) => {
    const asked = { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" };
    const { ImportToken } = (await root.call("GetParametersForImport", asked)).response;
    return root.call("ImportKeyMaterial", {
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: material,
      ...more,
    });
  };
  const state = async () => {
    const { KeyMetadata } = (await root.call("DescribeKey", { KeyId })).response;
    return (KeyMetadata as { KeyState: string }).KeyState;
  };
  return { KeyId, importIt, state };
}

/** The bridge takes the next material in, and its answer is lost. */
function loseAnswer(keyId: string) {
  h.bridge.before = async (name) => {
    if (name !== "importMaterial") return;
    h.bridge.before = async () => {};
    h.bridge.fingerprints.set(keyId, material);
    h.bridge.materials.set(keyId, material);
    throw new BridgeError(name, "no-answer");
  };
}

test("an import whose answer was lost is undone in the bridge", async () => {
  const { KeyId, importIt, state } = await newKey();
  loseAnswer(KeyId);
  expect((await importIt()).code).toBeDefined();
  expect(h.bridge.materials.get(KeyId)).toBe(material);
  expect((await importIt()).code).toBe(busy);
  await settle();
  expect(h.bridge.materials.get(KeyId)).toBeNull();
  expect(await state()).toBe("PendingImport");
  expect((await importIt()).code).toBeUndefined();
  expect(await state()).toBe("Enabled");
});

test("an import that the database did not take is undone in the bridge", async () => {
  const { KeyId, importIt, state } = await newKey();
  h.bridge.before = async (name) => {
    if (name !== "importMaterial") return;
    h.bridge.before = async () => {};
    // What the key is not in any more when the bridge has answered.
    await setKeyFields(h.database, KeyId, { state: "PendingDelete" });
  };
  expect((await importIt()).code).toBeDefined();
  expect(h.bridge.materials.get(KeyId)).toBe(material);
  await settle();
  expect(h.bridge.materials.get(KeyId)).toBeNull();
  expect(await state()).toBe("PendingDelete");
});

test("an import into a key that has its material takes nothing away, whatever becomes of it", async () => {
  const { KeyId, importIt, state } = await newKey();
  expect((await importIt()).code).toBeUndefined();
  loseAnswer(KeyId);
  expect((await importIt()).code).toBeDefined();
  await settle();
  expect(h.bridge.materials.get(KeyId)).toBe(material);
  expect(await state()).toBe("Enabled");
  expect((await importIt()).code).toBeUndefined();
});

test("an import that the bridge refused is over at once", async () => {
  const { importIt } = await newKey();
  h.bridge.failNext("importMaterial", "import-rejected");
  expect((await importIt()).code).toBe("InvalidParameter.DecryptMaterialError");
  expect((await importIt()).code).toBeUndefined();
});
