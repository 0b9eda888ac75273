/**
 * Asymmetric CMKs, driven by the official SDK through the system that `npm start` makes, in both regions: signatures and ciphertexts
 * beside OpenSSL (Node's) and another SM2 implementation than the system's, with every documented error that can occur.
 */

import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { within5s } from "./support/within.ts";

/** CommonJS without types. */
const { sm2 } = createRequire(import.meta.url)("sm-crypto") as {
  sm2: {
    doEncrypt(message: number[], publicKey: string, mode: number): string;
    doVerifySignature(
      message: number[],
      signature: string,
      publicKey: string,
      options: object,
    ): boolean;
  };
};

let system: System;
beforeAll(async () => {
  const regions = [
    { name: "ap-singapore", suite: "AES_256" },
    { name: "ap-guangzhou", suite: "SM4" },
    { name: "ap-beijing", suite: "AES_256", keyUsages: ["ENCRYPT_DECRYPT"] },
  ];
  system = await startSystem({ config: { controlPlane: { regions } } });
}, 60_000);
afterAll(() => discard(system), 60_000);

const unknown = "00000000-0000-4000-8000-000000000000";
const codes = {
  keyId: "InvalidParameterValue.InvalidKeyId",
  keyUsage: "InvalidParameterValue.InvalidKeyUsage",
  notFound: "ResourceUnavailable.CmkNotFound",
  state: "ResourceUnavailable.CmkStateNotSupport",
  decrypt: "FailedOperation.DecryptError",
} as const;

const anything = base64(Buffer.alloc(32, 1));
const actions: Record<string, object> = {
  GetPublicKey: {},
  SignByAsymmetricKey: { Algorithm: "ECC_P256_R1", Message: anything },
  VerifyByAsymmetricKey: {
    Algorithm: "ECC_P256_R1",
    Message: anything,
    SignatureValue: anything,
  },
  AsymmetricRsaDecrypt: { Algorithm: "RSAES_OAEP_SHA_256", Ciphertext: base64(Buffer.alloc(256)) },
  AsymmetricSm2Decrypt: { Ciphertext: anything },
};

const signing = {
  ECC_P256_R1: { usage: "ASYMMETRIC_SIGN_VERIFY_ECC", hash: "sha256", pss: false },
  ECC_P384_R1: { usage: "ASYMMETRIC_SIGN_VERIFY_ECDSA384", hash: "sha384", pss: false },
  RSA_PKCS1_SHA_256: { usage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", hash: "sha256", pss: false },
  RSA_PSS_SHA_256: { usage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", hash: "sha256", pss: true },
} as const;

const paddings = {
  RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
  RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
} as const;

describe.each(["ap-singapore", "ap-guangzhou"])("in %s", (region) => {
  let kms: Kms;
  const made = new Map<string, string>();
  beforeAll(() => {
    kms = createClient(system, { region });
  });
  const call = (action: string, params: object) => kms.request(action, params);
  const create = async (KeyUsage: string) => {
    const answer = await kms.CreateKey({ Alias: newAlias(), KeyUsage });
    expect(answer).toMatchObject({ KeyState: "Enabled", KeyUsage });
    return answer.KeyId ?? "";
  };
  /** One key per usage and region; tests that change states make their own. */
  const keyFor = async (usage: string) => {
    const KeyId = made.get(usage) ?? (await create(usage));
    made.set(usage, KeyId);
    return KeyId;
  };
  const publicKeyOf = async (KeyId: string) => {
    const { PublicKey = "" } = await kms.GetPublicKey({ KeyId });
    return Buffer.from(PublicKey, "base64");
  };
  /** The point of an SM2 key, as the other implementation takes it. */
  const pointOf = async (KeyId: string) => (await publicKeyOf(KeyId)).subarray(-65).toString("hex");

  it.each(Object.entries(actions))("%s refuses what is not there", async (action, params) => {
    await expectCode(call(action, params), "MissingParameter");
    await expectCode(call(action, { ...params, KeyId: "no-uuid" }), codes.keyId);
    await expectCode(call(action, { ...params, KeyId: unknown }), codes.notFound);
    const KeyId = await keyFor("ENCRYPT_DECRYPT");
    const isDecryption = action.endsWith("Decrypt");
    const isVerification = action === "VerifyByAsymmetricKey";
    const parameter = isVerification ? "InvalidParameterValue" : "InvalidParameter";
    const code = isDecryption ? codes.keyUsage : parameter;
    await expectCode(call(action, { ...params, KeyId }), code);
  });

  it("lists what it offers", async () => {
    const offered = await kms.ListAlgorithms();
    const usages = [
      ...(offered.AsymmetricAlgorithms ?? []),
      ...(offered.AsymmetricSignVerifyAlgorithms ?? []),
    ];
    for (const { KeyUsage = "" } of usages) expect(await keyFor(KeyUsage)).toMatch(/^[0-9a-f-]+$/);
    expect(usages.map(({ Algorithm }) => Algorithm).sort()).toEqual(
      ["RSA_2048", "SM2", "SM2", "ECC_P256_R1", "RSA_2048", "ECC_P384_R1"].sort(),
    );
  });

  it("hands the public key out in DER and in PEM", async () => {
    for (const { usage } of Object.values(signing)) {
      const answer = await kms.GetPublicKey({ KeyId: await keyFor(usage) });
      const der = Buffer.from(answer.PublicKey ?? "", "base64");
      const key = createPublicKey(answer.PublicKeyPem ?? "");
      expect(key.export({ format: "der", type: "spki" })).toEqual(der);
    }
    const der = await publicKeyOf(await keyFor("ASYMMETRIC_SIGN_VERIFY_SM2"));
    // id-ecPublicKey on the curve 1.2.156.10197.1.301, a point that is not compressed.
    const head = "3059301306072a8648ce3d020106082a811ccf5501822d03420004";
    expect(der.subarray(0, 27).toString("hex")).toBe(head);
  });

  it.each(Object.entries(signing))(
    "signs and verifies as OpenSSL does: %s",
    async (Algorithm, s) => {
      const KeyId = await keyFor(s.usage);
      const key = createPublicKey({ key: await publicKeyOf(KeyId), format: "der", type: "spki" });
      const padding = s.pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
      const message = randomBytes(4096);
      const digest = createHash(s.hash).update(message).digest();
      const forms = [
        { Message: base64(message) },
        { Message: base64(message), MessageType: "RAW" },
        { Message: base64(digest), MessageType: "DIGEST" },
      ];
      for (const form of forms) {
        const { Signature = "" } = await kms.SignByAsymmetricKey({ KeyId, Algorithm, ...form });
        const bytes = Buffer.from(Signature, "base64");
        expect(verify(s.hash, message, { key, ...padding }, bytes)).toBe(true);
        for (const told of forms) {
          const asked = { KeyId, Algorithm, ...told, SignatureValue: Signature };
          expect((await kms.VerifyByAsymmetricKey(asked)).SignatureValid).toBe(true);
          const Message = base64(randomBytes(digest.length));
          const other = await kms.VerifyByAsymmetricKey({ ...asked, Message });
          expect(other.SignatureValid).toBe(false);
        }
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
        for (const wrong of [bytes, bytes.subarray(1), Buffer.of(0)]) {
          const asked = { KeyId, Algorithm, ...form, SignatureValue: base64(wrong) };
          expect((await kms.VerifyByAsymmetricKey(asked)).SignatureValid).toBe(false);
        }
      }
    },
  );

  it("signs what another SM2 implementation verifies, and verifies it too", async () => {
    const KeyId = await keyFor("ASYMMETRIC_SIGN_VERIFY_SM2");
    const point = await pointOf(KeyId);
    const Algorithm = "SM2DSA";
    const message = randomBytes(100);
    const raw = { KeyId, Algorithm, Message: base64(message) };
    const { Signature = "" } = await kms.SignByAsymmetricKey(raw);
    const options = { der: true, hash: true, publicKey: point, userId: "1234567812345678" };
    const hex = (text: string) => Buffer.from(text, "base64").toString("hex");
    expect(sm2.doVerifySignature([...message], hex(Signature), point, options)).toBe(true);
    const asked = { ...raw, SignatureValue: Signature };
    expect((await kms.VerifyByAsymmetricKey(asked)).SignatureValid).toBe(true);
    const e = randomBytes(32);
    const digest = { KeyId, Algorithm, Message: base64(e), MessageType: "DIGEST" };
    const ofDigest = (await kms.SignByAsymmetricKey(digest)).Signature ?? "";
    expect(sm2.doVerifySignature([...e], hex(ofDigest), point, { der: true, hash: false })).toBe(
      true,
    );
    const mixed = { ...asked, SignatureValue: ofDigest };
    expect((await kms.VerifyByAsymmetricKey(mixed)).SignatureValid).toBe(false);
  });

  it("refuses messages, digests and algorithms that do not fit", async () => {
    const KeyId = await keyFor("ASYMMETRIC_SIGN_VERIFY_ECC");
    const right = { KeyId, Algorithm: "ECC_P256_R1", Message: anything };
    const other = { ...right, Algorithm: "RSA_PSS_SHA_256" };
    await expectCode(kms.SignByAsymmetricKey(other), "InvalidParameter");
    const verified = kms.VerifyByAsymmetricKey({ ...other, SignatureValue: anything });
    await expectCode(verified, "InvalidParameterValue");
    const wrong: [object, string][] = [
      [{ Algorithm: "none" }, "InvalidParameter"],
      [{ MessageType: "HASH" }, "InvalidParameter"],
      [{ MessageType: "DIGEST", Message: base64(Buffer.alloc(31)) }, "InvalidParameter"],
      [{ Message: base64(Buffer.alloc(4097)) }, "InvalidParameter"],
      [{ Message: "no base64!" }, "InvalidParameter"],
      [{ Message: undefined }, "MissingParameter"],
    ];
    for (const [change, code] of wrong) {
      await expectCode(call("SignByAsymmetricKey", { ...right, ...change }), code);
      const asked = { ...right, SignatureValue: anything, ...change };
      await expectCode(call("VerifyByAsymmetricKey", asked), code);
    }
    const stranger = createClient(system, { region, secretKey: "0".repeat(32) });
    await expectCode(stranger.SignByAsymmetricKey(right), "AuthFailure.SignatureFailure");
  });

  it.each(Object.entries(paddings))("decrypts what OpenSSL encrypts: %s", async (Algorithm, p) => {
    const KeyId = await keyFor("ASYMMETRIC_DECRYPT_RSA_2048");
    const key = createPublicKey({ key: await publicKeyOf(KeyId), format: "der", type: "spki" });
    const plaintext = randomBytes(190);
    const ciphertext = publicEncrypt({ key, ...p }, plaintext);
    const right = { KeyId, Algorithm, Ciphertext: base64(ciphertext) };
    expect(await kms.AsymmetricRsaDecrypt(right)).toMatchObject({
      KeyId,
      Plaintext: base64(plaintext),
    });
    ciphertext[9] = (ciphertext[9] ?? 0) ^ 1;
    const lengths = [Buffer.alloc(5), Buffer.alloc(257, 1), Buffer.alloc(1024, 1)];
    for (const bad of [ciphertext, Buffer.alloc(256), Buffer.alloc(256, 0xff), ...lengths]) {
      await expectCode(
        kms.AsymmetricRsaDecrypt({ ...right, Ciphertext: base64(bad) }),
        codes.decrypt,
      );
    }
    const tooLong = { ...right, Ciphertext: base64(Buffer.alloc(1025)) };
    await expectCode(kms.AsymmetricRsaDecrypt(tooLong), "InvalidParameter");
    await expectCode(kms.AsymmetricRsaDecrypt({ ...right, Algorithm: "RSA" }), "InvalidParameter");
    const { Ciphertext } = right;
    await expectCode(kms.AsymmetricSm2Decrypt({ KeyId, Ciphertext }), codes.keyUsage);
  });

  it("decrypts what another SM2 implementation encrypts", async () => {
    const KeyId = await keyFor("ASYMMETRIC_DECRYPT_SM2");
    const plaintext = randomBytes(32);
    const raw = Buffer.from(sm2.doEncrypt([...plaintext], await pointOf(KeyId), 1), "hex");
    const ciphertext = Buffer.concat([Buffer.of(4), raw]);
    const answer = await kms.AsymmetricSm2Decrypt({ KeyId, Ciphertext: base64(ciphertext) });
    expect(answer).toMatchObject({ KeyId, Plaintext: base64(plaintext) });
    ciphertext[80] = (ciphertext[80] ?? 0) ^ 1;
    for (const bad of [ciphertext, randomBytes(129), Buffer.of(0x30, 0)]) {
      const Ciphertext = base64(bad);
      await expectCode(kms.AsymmetricSm2Decrypt({ KeyId, Ciphertext }), codes.decrypt);
    }
    const Ciphertext = base64(Buffer.alloc(257));
    await expectCode(kms.AsymmetricSm2Decrypt({ KeyId, Ciphertext }), "InvalidParameter");
  });

  it("answers nothing of a key that is not enabled, within 5 s and everywhere", async () => {
    const KeyId = await create("ASYMMETRIC_SIGN_VERIFY_ECC");
    const Message = anything;
    const Algorithm = "ECC_P256_R1";
    const { Signature: SignatureValue = "" } = await kms.SignByAsymmetricKey({
      KeyId,
      Algorithm,
      Message,
    });
    const uses: [string, object][] = [
      ["GetPublicKey", { KeyId }],
      ["SignByAsymmetricKey", { KeyId, Algorithm, Message }],
      ["VerifyByAsymmetricKey", { KeyId, Algorithm, Message, SignatureValue }],
    ];
    const works = () => Promise.all(uses.map(([action, params]) => call(action, params)));
    const isRefused = () =>
      Promise.all(uses.map(([action, params]) => expectCode(call(action, params), codes.state)));
    await works();
    await kms.DisableKey({ KeyId });
    await within5s(isRefused);
    await kms.EnableKey({ KeyId });
    await within5s(works);
    await kms.ArchiveKey({ KeyId });
    await within5s(isRefused);
    await kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    await isRefused();
    await kms.CancelKeyDeletion({ KeyId });
    for (const usage of ["ASYMMETRIC_DECRYPT_RSA_2048", "ASYMMETRIC_DECRYPT_SM2"]) {
      const disabled = await create(usage);
      await kms.DisableKey({ KeyId: disabled });
      const action = usage.endsWith("SM2") ? "AsymmetricSm2Decrypt" : "AsymmetricRsaDecrypt";
      await expectCode(call(action, { ...actions[action], KeyId: disabled }), codes.state);
    }
  });

  it("takes pairs for what they are: no rotation, no symmetric use, none for products", async () => {
    const KeyId = await keyFor("ASYMMETRIC_SIGN_VERIFY_ECC");
    await expectCode(kms.Encrypt({ KeyId, Plaintext: anything }), codes.keyUsage);
    await expectCode(kms.GenerateDataKey({ KeyId, NumberOfBytes: 16 }), codes.keyUsage);
    for (const action of ["EnableKeyRotation", "RotateKey"]) {
      await expectCode(call(action, { KeyId }), "UnsupportedOperation.RotateNotSupported");
    }
    const Owned = await create("ASYMMETRIC_SIGN_VERIFY_ECC");
    await withDatabase(system, (query) =>
      query("update keys set owner = 'cos' where key_id = $1", [Owned]),
    );
    await expectCode(kms.GetPublicKey({ KeyId: Owned }), "UnauthorizedOperation");
  });

  it("describes and lists pairs by their usage", async () => {
    const usage = "ASYMMETRIC_SIGN_VERIFY_SM2";
    const KeyId = await keyFor(usage);
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata).toMatchObject({
      KeyUsage: usage,
      KeyState: "Enabled",
      Origin: "TENCENT_KMS",
      KeyRotationEnabled: false,
    });
    const listed = async (KeyUsage?: string) =>
      (await kms.ListKeyDetail({ SearchKeyAlias: KeyId, ...(KeyUsage && { KeyUsage }) }))
        .TotalCount;
    expect(await Promise.all([listed(usage), listed("ALL"), listed()])).toEqual([1, 1, 0]);
  });
});

it("verifies signatures that OpenSSL made only with the right key", async () => {
  const kms = createClient(system);
  const { KeyId = "" } = await kms.CreateKey({
    Alias: newAlias(),
    KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC",
  });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const asked = { KeyId, Algorithm: "ECC_P256_R1", Message: anything };
  const forged = sign("sha256", Buffer.from(anything, "base64"), privateKey);
  const answer = await kms.VerifyByAsymmetricKey({ ...asked, SignatureValue: base64(forged) });
  expect(answer.SignatureValid).toBe(false);
});

it("offers in a region what its configuration says", async () => {
  const kms = createClient(system, { region: "ap-beijing" });
  const asked = { Alias: newAlias(), KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC" };
  const code = "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion";
  await expectCode(kms.CreateKey(asked), code);
  const { AsymmetricAlgorithms, AsymmetricSignVerifyAlgorithms } = await kms.ListAlgorithms();
  expect([AsymmetricAlgorithms, AsymmetricSignVerifyAlgorithms]).toEqual([[], []]);
});
