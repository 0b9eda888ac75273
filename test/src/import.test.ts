/**
 * Imported key material, driven by the official SDK through the system that `npm start` makes, in both regions, with every documented
 * error that can occur. Those that cannot are listed in control-plane/README.md.
 */

import { constants, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { within5s } from "./support/within.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => discard(system), 60_000);

const unknown = "00000000-0000-4000-8000-000000000000";
const codes = {
  keyId: "InvalidParameterValue.InvalidKeyId",
  material: "InvalidParameter.DecryptMaterialError",
  mismatch: "InvalidParameterValue.MaterialNotMatch",
  notFound: "ResourceUnavailable.CmkNotFound",
  state: "ResourceUnavailable.CmkStateNotSupport",
  expired: "ResourceUnavailable.TokenExpired",
  noRotation: "UnsupportedOperation.ExternalCmkCanNotRotate",
  notExternal: "UnsupportedOperation.NotExternalCmk",
  busy: "UnsupportedOperation.ServiceTemporaryUnavailable",
  used: "FailedOperation.CmkUsedByCloudProduct",
} as const;

const paddings = {
  RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
  RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
} as const;
type WrappingAlgorithm = keyof typeof paddings;

const WrappingKeySpec = "RSA_2048";
const Plaintext = base64("a plaintext");
const seconds = () => Math.floor(Date.now() / 1000);

const actions: Record<string, object> = {
  GetParametersForImport: { WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec },
  ImportKeyMaterial: { EncryptedKeyMaterial: base64(Buffer.alloc(256, 1)), ImportToken: Plaintext },
  DeleteImportedKeyMaterial: {},
};

describe.each([
  ["ap-singapore", 32],
  ["ap-guangzhou", 16],
])("in %s", (region, length) => {
  let kms: Kms;
  beforeAll(() => {
    kms = createClient(system, { region });
  });
  const call = (action: string, params: object) => kms.request(action, params);
  const create = async () => {
    const answer = await kms.CreateKey({ Alias: newAlias(), Type: 2 });
    expect(answer.KeyState).toBe("PendingImport");
    return answer.KeyId ?? "";
  };
  const stateOf = async (KeyId: string) => (await kms.DescribeKey({ KeyId })).KeyMetadata?.KeyState;
  const setKey = (keyId: string, changes: string) =>
    withDatabase(system, (query) => query(`update keys set ${changes} where key_id = $1`, [keyId]));

  const wrap = async (
    KeyId: string,
    material: Uint8Array,
    algorithm: WrappingAlgorithm = "RSAES_OAEP_SHA_1",
  ) => {
    const parameters = await kms.GetParametersForImport({
      KeyId,
      WrappingAlgorithm: algorithm,
      WrappingKeySpec,
    });
    expect(parameters.KeyId).toBe(KeyId);
    expect(Math.abs((parameters.ParametersValidTo ?? 0) - seconds() - 86_400)).toBeLessThan(60);
    const der = Buffer.from(parameters.PublicKey ?? "", "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    const encrypted = publicEncrypt({ key, ...paddings[algorithm] }, material);
    return {
      KeyId,
      ImportToken: parameters.ImportToken ?? "",
      EncryptedKeyMaterial: base64(encrypted),
    };
  };
  const importInto = async (
    KeyId: string,
    material: Uint8Array,
    more: { algorithm?: WrappingAlgorithm; ValidTo?: number } = {},
  ) => {
    const { algorithm, ...rest } = more;
    await kms.ImportKeyMaterial({ ...(await wrap(KeyId, material, algorithm)), ...rest });
  };
  const decrypts = async (CiphertextBlob: string) =>
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);

  it.each(Object.entries(actions))(
    "%s refuses what is not there or not external",
    async (action, params) => {
      await expectCode(call(action, params), "MissingParameter");
      await expectCode(call(action, { ...params, KeyId: "no-uuid" }), codes.keyId);
      await expectCode(call(action, { ...params, KeyId: 5 }), "InvalidParameter");
      await expectCode(call(action, { ...params, KeyId: unknown }), codes.notFound);
      const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
      await expectCode(call(action, { ...params, KeyId }), codes.notExternal);
    },
  );

  it("refuses parameters that are none", async () => {
    const KeyId = await create();
    const asked = { KeyId, ...actions.GetParametersForImport };
    for (const change of [{ WrappingAlgorithm: "RSAES" }, { WrappingKeySpec: "RSA_4096" }]) {
      await expectCode(call("GetParametersForImport", { ...asked, ...change }), "InvalidParameter");
    }
    const right = await wrap(KeyId, randomBytes(length));
    const wrong: [object, string][] = [
      [{ ValidTo: seconds() - 1 }, "InvalidParameter"],
      [{ ValidTo: 2_147_443_201 }, "InvalidParameter"],
      [{ EncryptedKeyMaterial: "no base64!" }, "InvalidParameter"],
      [{ ImportToken: "no base64!" }, codes.expired],
    ];
    for (const [change, code] of wrong) {
      await expectCode(call("ImportKeyMaterial", { ...right, ...change }), code);
    }
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await kms.ImportKeyMaterial(right);
  });

  it.each(Object.keys(paddings) as WrappingAlgorithm[])("imports: %s", async (algorithm) => {
    const KeyId = await create();
    await expectCode(kms.Encrypt({ KeyId, Plaintext }), codes.state);
    const material = randomBytes(length);
    await importInto(KeyId, material, { algorithm });
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      KeyState: "Enabled",
      Origin: "EXTERNAL",
      ValidTo: 0,
    });
    await within5s(() => kms.Encrypt({ KeyId, Plaintext }));
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    await decrypts(CiphertextBlob);
    await importInto(KeyId, material);
    await decrypts(CiphertextBlob);
    await expectCode(kms.EnableKeyRotation({ KeyId }), codes.noRotation);
    await expectCode(kms.RotateKey({ KeyId }), "UnsupportedOperation.RotateNotSupported");
  });

  it("deletes material and takes the same again, and no other", async () => {
    const KeyId = await create();
    const material = randomBytes(length);
    await importInto(KeyId, material);
    await within5s(() => kms.Encrypt({ KeyId, Plaintext }));
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    await kms.DeleteImportedKeyMaterial({ KeyId });
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await within5s(() => expectCode(kms.Decrypt({ CiphertextBlob }), codes.state));
    await expectCode(kms.Encrypt({ KeyId, Plaintext }), codes.state);
    await expectCode(kms.DeleteImportedKeyMaterial({ KeyId }), codes.state);
    const other = await wrap(KeyId, randomBytes(length));
    await expectCode(kms.ImportKeyMaterial(other), codes.mismatch);
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await importInto(KeyId, material, { algorithm: "RSAES_OAEP_SHA_256" });
    await within5s(() => decrypts(CiphertextBlob));
  });

  it("same material under two keys makes no ciphertext of one the other's", async () => {
    const material = randomBytes(length);
    const [one, two] = [await create(), await create()];
    await importInto(one, material);
    await importInto(two, material);
    await within5s(() => kms.Encrypt({ KeyId: one, Plaintext }));
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: one, Plaintext });
    await kms.DeleteImportedKeyMaterial({ KeyId: one });
    await within5s(() => expectCode(kms.Decrypt({ CiphertextBlob }), codes.state));
    await within5s(() => kms.Encrypt({ KeyId: two, Plaintext }));
  });

  it("refuses wrong lengths, what does not unwrap, and a token that failed too often", async () => {
    const KeyId = await create();
    const lengths = [0, length - 1, length + 1].map((n) => Buffer.alloc(n, 7));
    for (const material of [...lengths, randomBytes(length === 16 ? 32 : 16)]) {
      await expectCode(kms.ImportKeyMaterial(await wrap(KeyId, material)), codes.material);
    }
    const right = await wrap(KeyId, randomBytes(length));
    // The second as if wrapped with a larger key than the one that was given.
    for (const garbage of [Buffer.alloc(256, 1), randomBytes(512), randomBytes(3)]) {
      const asked = { ...right, EncryptedKeyMaterial: base64(garbage) };
      await expectCode(kms.ImportKeyMaterial(asked), codes.material);
    }
    // Three failures end the token, also for the right material.
    await expectCode(kms.ImportKeyMaterial(right), codes.expired);
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await importInto(KeyId, randomBytes(length));
  });

  it("refuses more than ten failures of a key in an hour", async () => {
    const KeyId = await create();
    let right = await wrap(KeyId, randomBytes(length));
    for (let failures = 0; failures < 10; failures += 1) {
      if (failures % 3 === 0) right = await wrap(KeyId, randomBytes(length));
      const asked = { ...right, EncryptedKeyMaterial: base64(randomBytes(256)) };
      await expectCode(kms.ImportKeyMaterial(asked), codes.material);
    }
    const good = await wrap(KeyId, randomBytes(length));
    await expectCode(kms.ImportKeyMaterial(good), "RequestLimitExceeded");
    expect(await stateOf(KeyId)).toBe("PendingImport");
  });

  it("refuses tokens of another key, changed ones and invented ones", async () => {
    const [KeyId, other] = [await create(), await create()];
    const right = await wrap(KeyId, randomBytes(length));
    const token = Buffer.from(right.ImportToken, "base64");
    token[token.length >> 1] = (token[token.length >> 1] ?? 0) ^ 1;
    const wrong = [
      { ...right, KeyId: other },
      { ...right, ImportToken: base64(token) },
      { ...right, ImportToken: base64(randomBytes(96)) },
    ];
    for (const asked of wrong) await expectCode(kms.ImportKeyMaterial(asked), codes.expired);
    // An older token of the same key is as good as the newest.
    await wrap(KeyId, randomBytes(length));
    await kms.ImportKeyMaterial(right);
  });

  it("ends with ValidTo and begins again with the same material", async () => {
    const KeyId = await create();
    const material = randomBytes(length);
    const ValidTo = seconds() + 6;
    await importInto(KeyId, material, { ValidTo });
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({ ValidTo });
    await within5s(() => kms.Encrypt({ KeyId, Plaintext }));
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    while (Date.now() < ValidTo * 1000) await decryptsOrEnded(CiphertextBlob);
    // To the second: no lease outlives the material.
    await expectCode(kms.Decrypt({ CiphertextBlob }), codes.state);
    await expectCode(kms.Encrypt({ KeyId, Plaintext }), codes.state);
    await within10s(async () => expect(await stateOf(KeyId)).toBe("PendingImport"));
    await importInto(KeyId, material, { ValidTo: seconds() + 3600 });
    await within5s(() => decrypts(CiphertextBlob));
  }, 60_000);

  const decryptsOrEnded = async (CiphertextBlob: string) => {
    const answer = await kms.Decrypt({ CiphertextBlob }).catch((error) => error.code);
    expect([codes.state, Plaintext]).toContain(answer.Plaintext ?? answer);
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const within10s = (attempt: () => Promise<unknown>) =>
    within5s(attempt).catch(() => within5s(attempt));

  it("takes material in only while the key is enabled or waits for it", async () => {
    const KeyId = await create();
    const material = randomBytes(length);
    await importInto(KeyId, material);
    const right = await wrap(KeyId, material);
    const isRefused = async () => {
      await expectCode(kms.ImportKeyMaterial(right), codes.state);
      const asked = { KeyId, ...actions.GetParametersForImport };
      await expectCode(call("GetParametersForImport", asked), codes.state);
    };
    await kms.DisableKey({ KeyId });
    await isRefused();
    await kms.DeleteImportedKeyMaterial({ KeyId });
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    await isRefused();
    await kms.CancelKeyDeletion({ KeyId });
    // It has no material to be disabled with.
    expect(await stateOf(KeyId)).toBe("PendingImport");
    await importInto(KeyId, material);
    await kms.ArchiveKey({ KeyId });
    await isRefused();
    await expectCode(kms.DeleteImportedKeyMaterial({ KeyId }), codes.state);
    await kms.CancelKeyArchive({ KeyId });
  });

  it("keeps the material of a key that a cloud product uses, without an end", async () => {
    const KeyId = await create();
    const material = randomBytes(length);
    await importInto(KeyId, material, { ValidTo: seconds() + 3600 });
    const binding = { KeyId, ProductId: "ssm", ResourceId: "secret" };
    await kms.BindCloudResource(binding);
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({ ValidTo: 0 });
    await expectCode(kms.DeleteImportedKeyMaterial({ KeyId }), codes.used);
    await importInto(KeyId, material, { ValidTo: seconds() + 3600 });
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({ ValidTo: 0 });
    await kms.UnbindCloudResource(binding);
    await kms.DeleteImportedKeyMaterial({ KeyId });
  });

  it("changes the material of one key once at a time", async () => {
    const KeyId = await create();
    const material = randomBytes(length);
    const right = await wrap(KeyId, material);
    await setKey(KeyId, `material_step = 'import', material_step_until_ms = ${Date.now() + 4000}`);
    await expectCode(kms.ImportKeyMaterial(right), codes.busy);
    // Whoever held it is gone: what the bridge may have taken in is deleted, and the tokens end with it.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await within10s(() => expectCode(kms.ImportKeyMaterial(right), codes.expired));
    await importInto(KeyId, material);
  }, 30_000);
});
