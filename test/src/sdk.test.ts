/** The official SDK against the system that `npm start` makes: every action, both regions, every error path. */

import {
  constants,
  createDecipheriv,
  createHash,
  generateKeyPairSync,
  privateDecrypt,
} from "node:crypto";
import { sm2 } from "sm-crypto-v2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { discard, type System, startSystem } from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 60_000);
afterAll(() => discard(system), 60_000);

const unknownKey = "00000000-0000-4000-8000-000000000000";

async function newKey(kms: Kms): Promise<string> {
  const { KeyId } = await kms.CreateKey({ Alias: newAlias() });
  expect(KeyId).toMatch(/^[0-9a-f-]{36}$/);
  return KeyId ?? "";
}

/** The same ciphertext with one bit of its decoded bytes flipped. */
function flipped(ciphertext: string, bit: number): string {
  const bytes = Buffer.from(ciphertext, "base64");
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes.toString("base64");
}

describe.each([
  { region: "ap-singapore", type: 2, algorithm: "AES_256" },
  { region: "ap-guangzhou", type: 4, algorithm: "SM4" },
])("in $region", ({ region, type, algorithm }) => {
  let kms: Kms;
  let keyId: string;
  beforeAll(async () => {
    kms = createClient(system, { region });
    keyId = await newKey(kms);
  }, 30_000);

  it("creates a key with all its metadata", async () => {
    const Alias = newAlias();
    const created = await kms.CreateKey({
      Alias,
      Description: "a description, 描述",
      KeyUsage: "ENCRYPT_DECRYPT",
      Type: 1,
      Tags: [{ TagKey: "env", TagValue: "test" }],
    });
    expect(created).toMatchObject({
      Alias,
      Description: "a description, 描述",
      KeyState: "Enabled",
      KeyUsage: "ENCRYPT_DECRYPT",
    });
    const { KeyMetadata } = await kms.DescribeKey({ KeyId: created.KeyId ?? "" });
    expect(KeyMetadata).toMatchObject({
      KeyId: created.KeyId,
      Alias,
      CreateTime: created.CreateTime,
      Description: "a description, 描述",
      KeyState: "Enabled",
      KeyUsage: "ENCRYPT_DECRYPT",
      Type: type,
      KeyRotationEnabled: false,
      Owner: "user",
      DeletionDate: 0,
      Origin: "TENCENT_KMS",
      ValidTo: 0,
    });
    expect(KeyMetadata?.ResourceId).toBe(`creatorUin/${KeyMetadata?.CreatorUin}/${created.KeyId}`);
    expect(Math.abs(Date.now() / 1000 - (created.CreateTime ?? 0))).toBeLessThan(60);
  });

  it.each([0, 1, 15, 16, 17, 31, 32, 33, 255, 4095, 4096].filter((size) => size > 0))(
    "encrypts and decrypts %i bytes",
    async (size) => {
      const Plaintext = base64(Buffer.alloc(size, size & 0xff));
      const { CiphertextBlob = "", KeyId } = await kms.Encrypt({ KeyId: keyId, Plaintext });
      expect(KeyId).toBe(keyId);
      expect(await kms.Decrypt({ CiphertextBlob })).toMatchObject({ KeyId: keyId, Plaintext });
    },
  );

  it("never gives the same ciphertext twice", async () => {
    const Plaintext = base64("the same");
    const all = await Promise.all(
      Array.from({ length: 20 }, () => kms.Encrypt({ KeyId: keyId, Plaintext })),
    );
    expect(new Set(all.map(({ CiphertextBlob }) => CiphertextBlob)).size).toBe(20);
  });

  it("binds the encryption context, whatever the order of its pairs", async () => {
    const Plaintext = base64("bound");
    const { CiphertextBlob = "" } = await kms.Encrypt({
      KeyId: keyId,
      Plaintext,
      EncryptionContext: '{"a":"1","b":"2"}',
    });
    const open = (EncryptionContext?: string) =>
      kms.Decrypt(
        EncryptionContext === undefined
          ? { CiphertextBlob }
          : { CiphertextBlob, EncryptionContext },
      );
    expect((await open('{ "b": "2", "a": "1" }')).Plaintext).toBe(Plaintext);
    for (const wrong of ['{"a":"1"}', '{"a":"2","b":"1"}', "{}", undefined]) {
      await expectCode(open(wrong), "InvalidParameterValue.InvalidCiphertext");
    }
    for (const malformed of ["no json", '{"a":1}', '{"a":"1","\\u0061":"2"}', "[]"]) {
      await expectCode(open(malformed), "InvalidParameter");
    }
  });

  it("takes absent, empty and {} contexts as one", async () => {
    const Plaintext = base64("bare");
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: keyId, Plaintext });
    for (const EncryptionContext of ["", "{}"]) {
      expect((await kms.Decrypt({ CiphertextBlob, EncryptionContext })).Plaintext).toBe(Plaintext);
    }
  });

  it("refuses a ciphertext with any flipped bit, cut or lengthened, all alike", async () => {
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: keyId, Plaintext: base64("x") });
    const bytes = Buffer.from(CiphertextBlob, "base64");
    const broken = [
      ...Array.from({ length: bytes.length }, (_, i) => flipped(CiphertextBlob, i * 8 + (i % 8))),
      bytes.subarray(0, -1).toString("base64"),
      bytes.subarray(0, 50).toString("base64"),
      Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64"),
      "!!!!",
      `${CiphertextBlob}\n`,
    ];
    const codes = await Promise.all(
      broken.map((blob) =>
        kms.Decrypt({ CiphertextBlob: blob }).then(
          () => "opened",
          (error: { code: string }) => error.code,
        ),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(["InvalidParameterValue.InvalidCiphertext"]));
  });

  it("generates data keys that decrypt", async () => {
    const cases = [
      [{ KeySpec: "AES_128" }, 16],
      [{ KeySpec: "AES_256" }, 32],
      [{ NumberOfBytes: 1 }, 1],
      [{ NumberOfBytes: 1024 }, 1024],
      [{ KeySpec: "AES_128", NumberOfBytes: 48 }, 48],
    ] as const;
    for (const [request, size] of cases) {
      const EncryptionContext = '{"for":"data"}';
      const dataKey = await kms.GenerateDataKey({ KeyId: keyId, ...request, EncryptionContext });
      expect(Buffer.from(dataKey.Plaintext ?? "", "base64")).toHaveLength(size);
      const opened = await kms.Decrypt({
        CiphertextBlob: dataKey.CiphertextBlob ?? "",
        EncryptionContext,
      });
      expect(opened.Plaintext).toBe(dataKey.Plaintext);
    }
    await expectCode(kms.GenerateDataKey({ KeyId: keyId }), "MissingParameter");
    await expectCode(
      kms.GenerateDataKey({ KeyId: keyId, NumberOfBytes: 1025 }),
      "InvalidParameter",
    );
    await expectCode(
      kms.GenerateDataKey({ KeyId: keyId, KeySpec: "AES_512" }),
      "InvalidParameterValue.InvalidType",
    );
  });

  it("re-encrypts when something changes, and says so", async () => {
    const other = await newKey(kms);
    const Plaintext = base64("moves");
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: keyId, Plaintext });
    const same = await kms.ReEncrypt({ CiphertextBlob });
    expect(same).toMatchObject({
      CiphertextBlob,
      KeyId: keyId,
      SourceKeyId: keyId,
      ReEncrypted: false,
    });
    const moved = await kms.ReEncrypt({
      CiphertextBlob,
      DestinationKeyId: other,
      DestinationEncryptionContext: '{"new":"context"}',
    });
    expect(moved).toMatchObject({ KeyId: other, SourceKeyId: keyId, ReEncrypted: true });
    const opened = await kms.Decrypt({
      CiphertextBlob: moved.CiphertextBlob ?? "",
      EncryptionContext: '{"new":"context"}',
    });
    expect(opened).toMatchObject({ KeyId: other, Plaintext });
    await expectCode(
      kms.ReEncrypt({ CiphertextBlob, SourceEncryptionContext: '{"not":"it"}' }),
      "InvalidParameterValue.InvalidCiphertext",
    );
  });

  it("lists, finds, renames and describes keys", async () => {
    const Alias = newAlias();
    const { KeyId = "" } = await kms.CreateKey({ Alias });
    const renamed = newAlias();
    await kms.UpdateAlias({ KeyId, Alias: renamed });
    await kms.UpdateKeyDescription({ KeyId, Description: "new words" });
    const { KeyMetadatas } = await kms.DescribeKeys({ KeyIds: [KeyId, keyId] });
    expect(KeyMetadatas?.find((key) => key.KeyId === KeyId)).toMatchObject({
      Alias: renamed,
      Description: "new words",
    });
    const listed = await kms.ListKeys({ Limit: 200 });
    expect(listed.Keys?.map((key) => key.KeyId)).toContain(KeyId);
    expect(listed.TotalCount).toBeGreaterThanOrEqual(2);
    const found = await kms.ListKeyDetail({ SearchKeyAlias: renamed, KeyUsage: "ALL" });
    expect(found).toMatchObject({ TotalCount: 1, KeyMetadatas: [{ KeyId }] });
    expect((await kms.ListKeyDetail({ SearchKeyAlias: KeyId })).TotalCount).toBe(1);
    const first = await kms.ListKeyDetail({ Limit: 1, OrderType: 1 });
    expect(first.KeyMetadatas).toHaveLength(1);
    await expectCode(kms.CreateKey({ Alias: renamed }), "InvalidParameterValue.AliasAlreadyExists");
    await expectCode(
      kms.UpdateAlias({ KeyId: keyId, Alias: renamed }),
      "InvalidParameterValue.AliasAlreadyExists",
    );
  });

  it("gives each state its error, and enables and disables repeatedly", async () => {
    const KeyId = await newKey(kms);
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext: base64("s") });
    await kms.DisableKey({ KeyId });
    await kms.DisableKey({ KeyId });
    const disabled = "ResourceUnavailable.CmkDisabled";
    await eventually(() => expectCode(kms.Encrypt({ KeyId, Plaintext: base64("s") }), disabled));
    await expectCode(kms.Decrypt({ CiphertextBlob }), disabled);
    await expectCode(kms.ReEncrypt({ CiphertextBlob }), disabled);
    await expectCode(kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" }), disabled);
    await kms.EnableKey({ KeyId });
    await kms.EnableKey({ KeyId });
    await eventually(() => kms.Decrypt({ CiphertextBlob }));
    expect((await kms.DescribeKey({ KeyId })).KeyMetadata?.KeyState).toBe("Enabled");
  });

  it("answers the service's own questions", async () => {
    expect((await kms.GetRegions()).Regions).toEqual(["ap-singapore", "ap-guangzhou"]);
    expect((await kms.ListAlgorithms()).SymmetricAlgorithms).toEqual([
      { KeyUsage: "ENCRYPT_DECRYPT", Algorithm: algorithm },
    ]);
    const status = await kms.GetServiceStatus();
    expect(status).toMatchObject({ ServiceEnabled: true, InvalidType: 1 });
    expect(status.CmkUserCount).toBeGreaterThan(0);
    const { Plaintext = "" } = await kms.GenerateRandom({ NumberOfBytes: 1024 });
    expect(Buffer.from(Plaintext, "base64")).toHaveLength(1024);
  });

  it("seals the answer to a caller's RSA key in three paddings", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const EncryptionPublicKey = publicKey.export({ type: "spki", format: "pem" }) as string;
    const open = {
      RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
      RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
      RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
    };
    for (const [EncryptionAlgorithm, padding] of Object.entries(open)) {
      const dataKey = await kms.GenerateDataKey({
        KeyId: keyId,
        KeySpec: "AES_256",
        EncryptionPublicKey,
        EncryptionAlgorithm,
      });
      const clear = await kms.Decrypt({ CiphertextBlob: dataKey.CiphertextBlob ?? "" });
      const opened = privateDecrypt(
        { key: privateKey, ...padding },
        Buffer.from(dataKey.Plaintext ?? "", "base64"),
      );
      expect(opened.toString("base64")).toBe(clear.Plaintext);
    }
    await expectCode(
      kms.GenerateDataKey({
        KeyId: keyId,
        NumberOfBytes: 246,
        EncryptionPublicKey,
        EncryptionAlgorithm: "RSAES_PKCS1_V1_5",
      }),
      "FailedOperation.EncryptionError",
    );
  });

  it("seals the answer to a caller's SM2 key in both encodings", async () => {
    const pair = sm2.generateKeyPairHex();
    const point = Buffer.from(pair.publicKey, "hex");
    // SubjectPublicKeyInfo of id-ecPublicKey on the SM2 curve (RFC 5480 §2, OID 1.2.156.10197.1.301).
    const prefix = Buffer.from("3059301306072a8648ce3d020106082a811ccf5501822d034200", "hex");
    const der = Buffer.concat([prefix, point]).toString("base64");
    const EncryptionPublicKey = `-----BEGIN PUBLIC KEY-----\n${der.match(/.{1,64}/g)?.join("\n")}\n-----END PUBLIC KEY-----\n`;
    const { CiphertextBlob = "" } = await kms.Encrypt({
      KeyId: keyId,
      Plaintext: base64(createHash("sha256").update("x").digest()),
    });
    const raw = await kms.Decrypt({ CiphertextBlob, EncryptionPublicKey });
    const bytes = Buffer.from(raw.Plaintext ?? "", "base64");
    expect(bytes).toHaveLength(64 + 32 + 32);
    const clear = createHash("sha256").update("x").digest("hex");
    const open = (hex: string, options?: { asn1: boolean }) =>
      Buffer.from(
        sm2.doDecrypt(hex, pair.privateKey, 1, { output: "array", ...options }) as Uint8Array,
      ).toString("hex");
    expect(open(bytes.toString("hex"))).toBe(clear);
    const asn1 = await kms.Decrypt({
      CiphertextBlob,
      EncryptionPublicKey,
      EncryptionAlgorithm: "SM2_C1C3C2_ASN1",
    });
    expect(open(Buffer.from(asn1.Plaintext ?? "", "base64").toString("hex"), { asn1: true })).toBe(
      clear,
    );
    await expectCode(
      kms.Decrypt({ CiphertextBlob, EncryptionPublicKey: "no key" }),
      "InvalidParameter",
    );
  });

  it("refuses bad input with the contract's codes and changes nothing", async () => {
    const before = (await kms.ListKeyDetail({ Limit: 1 })).TotalCount;
    const big = base64(Buffer.alloc(4097));
    await expectCode(
      kms.Encrypt({ KeyId: keyId, Plaintext: big }),
      "InvalidParameterValue.InvalidPlaintext",
    );
    await expectCode(
      kms.Encrypt({ KeyId: keyId, Plaintext: "not base64!" }),
      "InvalidParameterValue.InvalidPlaintext",
    );
    await expectCode(
      kms.Encrypt({ KeyId: unknownKey, Plaintext: base64("x") }),
      "ResourceUnavailable.CmkNotFound",
    );
    await expectCode(
      kms.Encrypt({ KeyId: "no-uuid", Plaintext: base64("x") }),
      "InvalidParameterValue.InvalidKeyId",
    );
    await expectCode(kms.DescribeKey({ KeyId: unknownKey }), "ResourceUnavailable.CmkNotFound");
    await expectCode(
      kms.DescribeKeys({ KeyIds: [keyId, keyId] }),
      "InvalidParameterValue.DuplicatedKeyId",
    );
    await expectCode(
      kms.DescribeKeys({ KeyIds: [keyId, unknownKey] }),
      "ResourceUnavailable.CmkNotFound",
    );
    await expectCode(kms.EnableKey({ KeyId: unknownKey }), "ResourceUnavailable.CmkNotFound");
    await expectCode(
      kms.CreateKey({ Alias: "-starts-with-dash" }),
      "InvalidParameterValue.InvalidAlias",
    );
    await expectCode(
      kms.CreateKey({ Alias: "KMS-reserved" }),
      "InvalidParameterValue.InvalidAlias",
    );
    await expectCode(
      kms.CreateKey({ Alias: newAlias(), KeyUsage: "NONSENSE" }),
      "InvalidParameterValue.InvalidKeyUsage",
    );
    await expectCode(
      kms.CreateKey({ Alias: newAlias(), Type: 3 }),
      "InvalidParameterValue.InvalidType",
    );
    await expectCode(kms.GenerateRandom({ NumberOfBytes: 0 }), "InvalidParameter");
    await expectCode(kms.GenerateRandom({ NumberOfBytes: 1025 }), "InvalidParameter");
    await expectCode(kms.request("GenerateRandom", {}), "MissingParameter");
    await expectCode(kms.request("GenerateRandom", { NumberOfBytes: "many" }), "InvalidParameter");
    await expectCode(kms.request("Encrypt", { KeyId: keyId }), "MissingParameter");
    await expectCode(kms.request("Encrypt", { KeyId: 5, Plaintext: [] }), "InvalidParameter");
    await expectCode(kms.request("NoSuchAction", {}), "InvalidAction");
    expect((await kms.ListKeyDetail({ Limit: 1 })).TotalCount).toBe(before);
  });

  it("accepts numbers written as text, as official examples send them", async () => {
    const { Plaintext = "" } = await kms.request("GenerateRandom", { NumberOfBytes: "7" });
    expect(Buffer.from(Plaintext, "base64")).toHaveLength(7);
  });

  it.each([
    ["POST", "HmacSHA256"],
    ["POST", "HmacSHA1"],
    ["GET", "HmacSHA256"],
    ["GET", "HmacSHA1"],
    ["GET", "TC3-HMAC-SHA256"],
  ] as const)("serves %s requests signed with %s", async (reqMethod, signMethod) => {
    const client = createClient(system, { region, reqMethod, signMethod });
    const Plaintext = base64("signed otherwise");
    const { CiphertextBlob = "" } = await client.Encrypt({ KeyId: keyId, Plaintext });
    expect((await client.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    const { KeyMetadatas } = await client.DescribeKeys({ KeyIds: [keyId] });
    expect(KeyMetadatas?.[0]?.KeyId).toBe(keyId);
    const wrong = createClient(system, {
      region,
      reqMethod,
      signMethod,
      secretKey: "x".repeat(32),
    });
    await expectCode(wrong.Encrypt({ KeyId: keyId, Plaintext }), "AuthFailure.SignatureFailure");
  });
});

describe("across regions and callers", () => {
  it("does not open a ciphertext of another region, nor know its key", async () => {
    const singapore = createClient(system, { region: "ap-singapore" });
    const guangzhou = createClient(system, { region: "ap-guangzhou" });
    const KeyId = await newKey(singapore);
    const { CiphertextBlob = "" } = await singapore.Encrypt({ KeyId, Plaintext: base64("x") });
    await expectCode(
      guangzhou.Decrypt({ CiphertextBlob }),
      "InvalidParameterValue.InvalidCiphertext",
    );
    await expectCode(guangzhou.DescribeKey({ KeyId }), "ResourceUnavailable.CmkNotFound");
    await expectCode(
      guangzhou.Encrypt({ KeyId, Plaintext: base64("x") }),
      "ResourceUnavailable.CmkNotFound",
    );
  });

  it("refuses an unknown region, an unknown SecretId and a wrong SecretKey at both doors", async () => {
    for (const door of ["edge", "control plane"] as const) {
      await expectCode(
        createClient(system, { door, region: "eu-nowhere" }).ListKeys({}),
        "UnsupportedRegion",
      );
      const unknown = createClient(system, { door, secretId: `AKID${"0".repeat(32)}` });
      await expectCode(unknown.ListKeys({}), "AuthFailure.SecretIdNotFound");
      await expectCode(
        unknown.GenerateRandom({ NumberOfBytes: 1 }),
        "AuthFailure.SecretIdNotFound",
      );
      const wrong = createClient(system, { door, secretKey: "0".repeat(32) });
      await expectCode(wrong.ListKeys({}), "AuthFailure.SignatureFailure");
      await expectCode(wrong.GenerateRandom({ NumberOfBytes: 1 }), "AuthFailure.SignatureFailure");
    }
  });

  it("serves every kind of action at the control plane's door too", async () => {
    const kms = createClient(system, { door: "control plane" });
    const KeyId = await newKey(kms);
    const Plaintext = base64("through the other door");
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    expect((await createClient(system).Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
  });

  it("gives data keys that really encrypt", async () => {
    const kms = createClient(system);
    const KeyId = await newKey(kms);
    const { Plaintext = "" } = await kms.GenerateDataKey({ KeyId, KeySpec: "AES_256" });
    const key = Buffer.from(Plaintext, "base64");
    expect(
      createDecipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.from("x")),
    ).toHaveLength(1);
  });
});

/** Tries again for up to 5 seconds, the promise of P2, before it gives the last failure. */
async function eventually(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 5000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
