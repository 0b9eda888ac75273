/**
 * Documented errors that other files have no reason to provoke, through the official SDK. That each one came is judged at the end of a
 * run (support/provoked.ts).
 */

import { generateKeyPairSync } from "node:crypto";
import { kmsActions } from "@edge-kms/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newAccessKey } from "./support/access-key.ts";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { notProvokedPage } from "./support/not-provoked.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { within5s } from "./support/within.ts";

const unknown = "00000000-0000-4000-8000-000000000000";
const codes = {
  unauthorized: "UnauthorizedOperation",
  parameter: "InvalidParameter",
  keyId: "InvalidParameterValue.InvalidKeyId",
  cluster: "InvalidParameterValue.InvalidHsmClusterId",
  tags: "InvalidParameterValue.TagKeysDuplicated",
  member: "UnsupportedOperation.NotRoleOperation",
  product: "UnsupportedOperation.NotUserCreatedCmk",
  away: "UnsupportedOperation.ServiceTemporaryUnavailable",
  notFound: "ResourceUnavailable.CmkNotFound",
  state: "ResourceUnavailable.CmkStateNotSupport",
  disabled: "ResourceUnavailable.CmkDisabled",
  archived: "ResourceUnavailable.CmkArchived",
  pending: "ResourceUnavailable.KeyPendingDelete",
  reply: "FailedOperation.EncryptionError",
} as const;

let system: System;
let kms: Kms;
const call = (action: string, params: object) => kms.request(action, params);
const createKey = async (more: object = {}) =>
  (await kms.CreateKey({ Alias: newAlias(), ...more })).KeyId ?? "";
const setKey = (keyId: string, changes: string) =>
  withDatabase(system, async (query) => {
    await query(`update keys set ${changes} where key_id = $1`, [keyId]);
    await query("update accounts set epoch_counter = epoch_counter + 1");
  });

beforeAll(async () => {
  system = await startSystem({ config: { controlPlane: { cmkQuota: 40, dataKeyQuota: 10 } } });
  kms = createClient(system, { region: "ap-singapore" });
}, 60_000);
afterAll(() => discard(system), 60_000);

const MemberAccount = { MemberUin: 42 };
const one = base64(Buffer.of(1));
const Tags = [
  { TagKey: "k", TagValue: "1" },
  { TagKey: "k", TagValue: "2" },
];

/** What is right of each action's parameters beside KeyId and DataKeyId, which all get that name them. */
const rest: Record<string, object> = {
  AsymmetricRsaDecrypt: { Ciphertext: one, Algorithm: "RSAES_OAEP_SHA_1" },
  AsymmetricSm2Decrypt: { Ciphertext: one },
  BindCloudResource: { ProductId: "ssm", ResourceId: "r" },
  CreateKey: { Alias: "refused" },
  Decrypt: { CiphertextBlob: one },
  DescribeDataKeys: { DataKeyIds: [unknown] },
  DescribeKeys: { KeyIds: [unknown] },
  DisableDataKeys: { DataKeyIds: [unknown] },
  DisableKeys: { KeyIds: [unknown] },
  EnableDataKeys: { DataKeyIds: [unknown] },
  EnableKeys: { KeyIds: [unknown] },
  Encrypt: { Plaintext: one },
  GenerateDataKey: { KeySpec: "AES_128" },
  GenerateRandom: { NumberOfBytes: 1 },
  GetParametersForImport: { WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" },
  ImportDataKey: { DataKeyName: "refused", ImportKeyMaterial: one, ImportType: 2 },
  ImportKeyMaterial: { EncryptedKeyMaterial: one, ImportToken: one },
  ReEncrypt: { CiphertextBlob: one },
  ScheduleDataKeyDeletion: { PendingWindowInDays: 7 },
  ScheduleKeyDeletion: { PendingWindowInDays: 7 },
  SignByAsymmetricKey: { Message: one, Algorithm: "ECC_P256_R1" },
  UnbindCloudResource: { ProductId: "ssm", ResourceId: "r" },
  UpdateAlias: { Alias: "refused" },
  UpdateDataKeyDescription: { Description: "refused" },
  UpdateDataKeyName: { DataKeyName: "refused" },
  UpdateKeyDescription: { Description: "refused" },
  VerifyByAsymmetricKey: { Message: one, Algorithm: "ECC_P256_R1", SignatureValue: one },
};
const right = (action: string, id = unknown) => ({ KeyId: id, DataKeyId: id, ...rest[action] });

it("a caller without rights is told so by every action that documents it", async () => {
  const { secretId, secretKey } = await newAccessKey(system, "user");
  const stranger = createClient(system, { region: "ap-singapore", secretId, secretKey });
  for (const { name, errors } of Object.values(kmsActions)) {
    if (!(errors as readonly string[]).includes(codes.unauthorized)) continue;
    await expectCode(stranger.request(name, right(name)), codes.unauthorized);
  }
});

it.each([
  ["DescribeKey", codes.keyId, { KeyId: "no-uuid" }],
  ["DescribeKey", codes.parameter, { KeyId: 5 }],
  ["DescribeKey", codes.member, { MemberAccount }],
  ["DescribeKeys", codes.keyId, { KeyIds: ["no-uuid"] }],
  ["DescribeKeys", codes.parameter, { KeyIds: 5 }],
  ["DescribeKeys", codes.member, { MemberAccount }],
  ["ListKeys", codes.parameter, { Limit: 201 }],
  ["ListKeys", codes.cluster, { HsmClusterId: "c" }],
  ["ListKeyDetail", codes.parameter, { KeyState: 9 }],
  ["ListKeyDetail", codes.cluster, { HsmClusterId: "c" }],
  ["ListKeyDetail", codes.member, { MemberAccounts: [MemberAccount] }],
  ["EnableKey", codes.keyId, { KeyId: "no-uuid" }],
  ["EnableKey", codes.parameter, { KeyId: 5 }],
  ["EnableKey", codes.notFound, {}],
  ["EnableKey", codes.member, { MemberAccount }],
  ["DisableKey", codes.keyId, { KeyId: "no-uuid" }],
  ["DisableKey", codes.parameter, { KeyId: 5 }],
  ["DisableKey", codes.notFound, {}],
  ["DisableKey", codes.member, { MemberAccount }],
  ["UpdateAlias", codes.keyId, { KeyId: "no-uuid" }],
  ["UpdateAlias", codes.parameter, { KeyId: 5 }],
  ["UpdateAlias", "InvalidParameterValue.InvalidAlias", { Alias: "KMS-own" }],
  ["UpdateAlias", codes.notFound, {}],
  ["UpdateAlias", codes.member, { MemberAccount }],
  ["UpdateKeyDescription", codes.keyId, { KeyId: "no-uuid" }],
  ["UpdateKeyDescription", codes.parameter, { KeyId: 5 }],
  ["UpdateKeyDescription", codes.notFound, {}],
  ["UpdateKeyDescription", codes.member, { MemberAccount }],
  ["CreateKey", codes.parameter, { Alias: 5, Description: 5 }],
  ["CreateKey", codes.cluster, { HsmClusterId: "c" }],
  ["CreateKey", codes.tags, { Tags }],
  ["GenerateDataKey", codes.cluster, { HsmClusterId: "c" }],
  ["GenerateDataKey", codes.keyId, { KeyId: "no-uuid" }],
  ["GenerateDataKey", codes.tags, { Tags, IsHostedByKms: 1, DataKeyName: "refused" }],
  ["GenerateDataKey", codes.notFound, {}],
  ["ReEncrypt", codes.parameter, { CiphertextBlob: 5 }],
  ["ReEncrypt", codes.keyId, { DestinationKeyId: "no-uuid" }],
  ["ImportDataKey", codes.parameter, { Description: 5 }],
  ["DescribeDataKey", codes.parameter, { DataKeyId: 5 }],
  ["GetDataKeyPlaintext", codes.parameter, { DataKeyId: 5 }],
  ["UpdateDataKeyName", codes.parameter, { DataKeyName: 5 }],
])("%s: %s for %o", async (action, code, change) => {
  await expectCode(call(action, { ...right(action), ...change }), code);
});

it("a change of material that another call has in hand", async () => {
  const KeyId = await createKey({ Type: 2 });
  const untilMs = Date.now() + 60_000;
  await setKey(
    KeyId,
    `state = 'Enabled', material_step = 'delete', material_step_until_ms = ${untilMs}`,
  );
  await expectCode(kms.DeleteImportedKeyMaterial({ KeyId }), codes.away);
  await expectCode(kms.BindCloudResource({ KeyId, ProductId: "ssm", ResourceId: "r" }), codes.away);
  await expectCode(kms.ArchiveKey({ KeyId }), codes.away);
});

it("states of CMKs, told by the actions that use them", async () => {
  const Archived = await createKey();
  await kms.ArchiveKey({ KeyId: Archived });
  await expectCode(kms.DisableKey({ KeyId: Archived }), codes.state);
  const Disabled = await createKey();
  await kms.DisableKey({ KeyId: Disabled });
  const Pending = await createKey();
  await kms.DisableKey({ KeyId: Pending });
  await kms.ScheduleKeyDeletion({ KeyId: Pending, PendingWindowInDays: 7 });
  const Waiting = await createKey({ Type: 2 });
  const Pair = await createKey({ KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC" });
  const importUnder = (KeyId: string) =>
    call("ImportDataKey", { ...rest.ImportDataKey, DataKeyName: newAlias(), KeyId });
  await expectCode(importUnder(Archived), codes.archived);
  await expectCode(importUnder(Disabled), codes.disabled);
  await expectCode(importUnder(Pending), codes.pending);
  await expectCode(importUnder(Waiting), codes.state);
  await expectCode(importUnder(Pair), "InvalidParameterValue.InvalidKeyUsage");
  const asked = { KeyId: Pending, NumberOfBytes: 16 };
  await expectCode(kms.GenerateDataKey(asked), codes.pending);
});

it("keys that a cloud product made, and names of keys that wait for deletion", async () => {
  const KeyId = await createKey();
  await setKey(KeyId, "owner = 'cos'");
  const refused = [
    "BindCloudResource",
    "CancelKeyDeletion",
    "EnableKey",
    "UnbindCloudResource",
    "UpdateAlias",
    "UpdateKeyDescription",
  ];
  for (const action of refused) await expectCode(call(action, right(action, KeyId)), codes.product);
  await expectCode(kms.EnableKeys({ KeyIds: [KeyId] }), codes.product);
  const Pending = await createKey();
  await kms.DisableKey({ KeyId: Pending });
  await kms.ScheduleKeyDeletion({ KeyId: Pending, PendingWindowInDays: 7 });
  for (const action of ["UpdateAlias", "UpdateKeyDescription"]) {
    await expectCode(call(action, right(action, Pending)), codes.state);
  }
});

it("states of the key that ReEncrypt is to encrypt under", async () => {
  const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId: await createKey(), Plaintext: one });
  const under = (DestinationKeyId: string) => kms.ReEncrypt({ CiphertextBlob, DestinationKeyId });
  const KeyId = await createKey();
  await kms.ArchiveKey({ KeyId });
  await expectCode(under(KeyId), codes.archived);
  await kms.ScheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  await within5s(() => expectCode(under(KeyId), codes.pending));
  await expectCode(kms.Encrypt({ KeyId, Plaintext: one }), codes.pending);
  const Waiting = await createKey({ Type: 2 });
  await expectCode(under(Waiting), codes.state);
  const Pair = await createKey({ KeyUsage: "ASYMMETRIC_SIGN_VERIFY_ECC" });
  const asked = { KeyId: Pair, Plaintext: one };
  await expectCode(kms.Encrypt(asked), "InvalidParameterValue.InvalidKeyUsage");
  await expectCode(under(Pair), "InvalidParameterValue.InvalidKeyUsage");
});

it("data keys of CMKs that are gone or without material, and replies that are too long", async () => {
  const KeyId = await createKey();
  const made = await kms.GenerateDataKey({
    KeyId,
    NumberOfBytes: 1024,
    IsHostedByKms: 1,
    DataKeyName: "long",
  });
  const DataKeyId = made.DataKeyId ?? "";
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const EncryptionPublicKey = publicKey.export({ format: "pem", type: "spki" }).toString();
  const encrypted = { EncryptionPublicKey, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" };
  await expectCode(kms.GetDataKeyPlaintext({ DataKeyId, ...encrypted }), codes.reply);
  const CiphertextBlob = made.CiphertextBlob ?? "";
  await expectCode(kms.Decrypt({ CiphertextBlob, ...encrypted }), codes.reply);
  const unknownAlgorithm = { EncryptionPublicKey, EncryptionAlgorithm: "RSA" };
  const asked = kms.GetDataKeyPlaintext({ DataKeyId, ...unknownAlgorithm });
  await expectCode(asked, "InvalidParameterValue.InvalidType");
  const name = { DataKeyName: "long", ImportKeyMaterial: one, ImportType: 2, KeyId };
  await expectCode(kms.ImportDataKey(name), "InvalidParameterValue.DataKeyNameAlreadyExists");
  await setKey(KeyId, "state = 'PendingImport'");
  await within5s(() => expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.state));
  const { CiphertextBlob: source = "" } = await kms.Encrypt({
    KeyId: await createKey(),
    Plaintext: one,
  });
  await expectCode(
    kms.ReEncrypt({ CiphertextBlob: source, DestinationKeyId: unknown }),
    codes.notFound,
  );
  await kms.DisableDataKey({ DataKeyId });
  await setKey(KeyId, "state = 'Deleted'");
  await expectCode(kms.EnableDataKeys({ DataKeyIds: [DataKeyId] }), codes.notFound);
  await withDatabase(system, (query) =>
    query("update data_keys set state = 'Enabled' where data_key_id = $1", [DataKeyId]),
  );
  await within5s(() => expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.notFound));
});

it("quotas", async () => {
  const KeyId = await createKey();
  const fill = async () => {
    for (;;) {
      const more = { DataKeyName: newAlias(), ImportKeyMaterial: one, ImportType: 2, KeyId };
      await kms.ImportDataKey(more);
    }
  };
  await expectCode(fill(), "LimitExceeded.DataKeyLimitExceeded");
  const fillKeys = async () => {
    for (;;) await createKey();
  };
  await expectCode(fillKeys(), "LimitExceeded.CmkLimitExceeded");
}, 30_000);

it("the page of errors that are not provoked is that of the list", async () => {
  await expect(notProvokedPage()).toMatchFileSnapshot("../../docs/errors-not-provoked.md");
});
