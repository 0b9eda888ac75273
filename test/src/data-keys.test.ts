/**
 * Hosted data keys, driven by the official SDK through the system that `npm start` makes, in both regions, with every documented error
 * that can occur. Those that cannot are listed in control-plane/README.md.
 */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, expectCode, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { within5s } from "./support/within.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ config: { controlPlane: { dataKeyQuota: 12 } } });
}, 60_000);
afterAll(() => discard(system), 60_000);

const unknown = "00000000-0000-4000-8000-000000000000";
const codes = {
  notFound: "ResourceUnavailable.DataKeyNotFound",
  state: "ResourceUnavailable.DataKeyStateNotSupport",
  disabled: "ResourceUnavailable.DataKeyDisabled",
  pending: "ResourceUnavailable.DataKeyPendingDelete",
  notPending: "ResourceUnavailable.DataKeyNotPendingDelete",
  id: "InvalidParameterValue.InvalidDataKeyId",
  duplicated: "InvalidParameterValue.DuplicatedDataKeyId",
  name: "InvalidParameterValue.InvalidDataKeyName",
  taken: "InvalidParameterValue.DataKeyNameAlreadyExists",
  material: "InvalidParameterValue.InvalidImportKeyMaterial",
  plaintext: "InvalidParameterValue.InvalidPlaintext",
  type: "InvalidParameterValue.InvalidType",
  window: "InvalidParameter.InvalidPendingWindowInDays",
  quota: "LimitExceeded.DataKeyLimitExceeded",
  member: "UnsupportedOperation.NotRoleOperation",
  keyNotFound: "ResourceUnavailable.CmkNotFound",
  keyDisabled: "ResourceUnavailable.CmkDisabled",
  keyState: "ResourceUnavailable.CmkStateNotSupport",
  keyId: "InvalidParameterValue.InvalidKeyId",
  cluster: "InvalidParameterValue.InvalidHsmClusterId",
} as const;

const MemberAccount = { MemberUin: 42 };

const onOne: [string, object][] = [
  ["DescribeDataKey", {}],
  ["UpdateDataKeyName", { DataKeyName: "another" }],
  ["UpdateDataKeyDescription", { Description: "another" }],
  ["EnableDataKey", {}],
  ["DisableDataKey", {}],
  ["ScheduleDataKeyDeletion", { PendingWindowInDays: 7 }],
  ["CancelDataKeyDeletion", {}],
  ["GetDataKeyCiphertextBlob", {}],
  ["GetDataKeyPlaintext", {}],
];
const onMany = ["DescribeDataKeys", "EnableDataKeys", "DisableDataKeys"];

describe.each(["ap-singapore", "ap-guangzhou"])("in %s", (region) => {
  let kms: Kms;
  let KeyId: string;
  beforeAll(async () => {
    kms = createClient(system, { region });
    ({ KeyId = "" } = await kms.CreateKey({ Alias: newAlias() }));
  });
  const call = (action: string, params: object) => kms.request(action, params);
  const host = async (more: object = {}) => {
    const made = await kms.GenerateDataKey({
      KeyId,
      NumberOfBytes: 32,
      IsHostedByKms: 1,
      DataKeyName: newAlias(),
      ...more,
    });
    return { ...made, DataKeyId: made.DataKeyId ?? "", Plaintext: made.Plaintext ?? "" };
  };
  /** Makes room under the quota, past the waiting period. */
  const clear = () =>
    withDatabase(system, (query) =>
      query("update data_keys set state = 'Deleted', blob = null where region = $1", [region]),
    );

  it.each(onOne)("%s refuses what is not there, and members", async (action, params) => {
    await expectCode(call(action, params), "MissingParameter");
    await expectCode(call(action, { ...params, DataKeyId: "no-uuid" }), codes.id);
    await expectCode(call(action, { ...params, DataKeyId: unknown }), codes.notFound);
    if (action === "GetDataKeyPlaintext") return;
    await expectCode(call(action, { ...params, DataKeyId: unknown, MemberAccount }), codes.member);
  });

  it.each(onMany)("%s refuses what is not there, twice or too much", async (action) => {
    await expectCode(call(action, { DataKeyIds: [unknown] }), codes.notFound);
    await expectCode(call(action, { DataKeyIds: [unknown, unknown] }), codes.duplicated);
    await expectCode(call(action, { DataKeyIds: ["no-uuid"] }), codes.id);
    await expectCode(call(action, { DataKeyIds: [] }), "InvalidParameterValue");
    await expectCode(call(action, { DataKeyIds: [unknown], MemberAccount }), codes.member);
  });

  it("hosts a generated data key, which comes back as it was", async () => {
    const name = newAlias();
    const Tags = [{ TagKey: "env", TagValue: region }];
    const made = await host({ DataKeyName: name, Description: "for orders", Tags });
    expect(made).toMatchObject({ KeyId, TagCode: 0, TagMsg: "ok" });
    const { DataKeyId, Plaintext } = made;
    expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
    const { CiphertextBlob = "" } = await kms.GetDataKeyCiphertextBlob({ DataKeyId });
    expect((await kms.Decrypt({ CiphertextBlob })).Plaintext).toBe(Plaintext);
    const { DataKeyMetadata } = await kms.DescribeDataKey({ DataKeyId });
    expect(DataKeyMetadata).toMatchObject({
      DataKeyId,
      KeyId,
      DataKeyName: name,
      NumberOfBytes: 32,
      Description: "for orders",
      KeyState: "Enabled",
      Owner: "user",
      DeletionDate: 0,
      Origin: "TENCENT_KMS",
    });
    const list = await kms.ListDataKeyDetail({
      TagFilters: [{ TagKey: "env", TagValue: [region] }],
      SearchKeyAlias: name.slice(0, -1),
      KeyId,
      DataKeyLen: 32,
      KeyState: 1,
      Origin: "TENCENT_KMS",
    });
    expect(list.DataKeyMetadatas?.map((row) => row.DataKeyId)).toContain(DataKeyId);
    for (const none of [{ DataKeyLen: 31 }, { KeyState: 3 }, { Origin: "EXTERNAL" }, { Role: 1 }]) {
      const { TotalCount } = await kms.ListDataKeyDetail({ SearchKeyAlias: name, ...none });
      expect(TotalCount).toBe(0);
    }
    expect((await kms.ListDataKeys({ Limit: 200 })).DataKeys).toContainEqual({ DataKeyId });
    const status = (await call("GetServiceStatus", {})) as Record<string, unknown>;
    expect(status).toMatchObject({ IsAllowedDataKeyHosted: true, DataKeyLimit: 12 });
    expect(status.DataKeyUsedCount).toBeGreaterThan(0);
  });

  it("answers a context only to whoever asked for one", async () => {
    const EncryptionContext = '{"a":"b"}';
    const { CiphertextBlob = "", DataKeyId, Plaintext } = await host({ EncryptionContext });
    expect((await kms.Decrypt({ CiphertextBlob, EncryptionContext })).Plaintext).toBe(Plaintext);
    expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
  });

  it("imports a data key plain, or encrypted under a CMK", async () => {
    const Plaintext = base64(randomBytes(48));
    const { CiphertextBlob = "" } = await kms.Encrypt({ KeyId, Plaintext });
    for (const params of [
      { ImportType: 2, ImportKeyMaterial: Plaintext, KeyId },
      { ImportType: 1, ImportKeyMaterial: CiphertextBlob },
      { ImportType: 1, ImportKeyMaterial: CiphertextBlob, KeyId },
    ]) {
      const made = await kms.ImportDataKey({ DataKeyName: newAlias(), ...params });
      const DataKeyId = made.DataKeyId ?? "";
      expect(made).toMatchObject({ KeyId, TagCode: 0, TagMsg: "no tags to save" });
      expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
      const { DataKeyMetadata } = await kms.DescribeDataKey({ DataKeyId });
      expect(DataKeyMetadata).toMatchObject({ Origin: "EXTERNAL", NumberOfBytes: 48 });
    }
    const { KeyId: other = "" } = await kms.CreateKey({ Alias: newAlias() });
    const refused = (params: object, code: string) =>
      expectCode(call("ImportDataKey", { DataKeyName: newAlias(), ...params }), code);
    const plain = { ImportType: 2, ImportKeyMaterial: Plaintext, KeyId };
    await refused({ ...plain, KeyId: undefined }, "MissingParameter");
    await refused({ ...plain, KeyId: "no-uuid" }, codes.keyId);
    await refused({ ...plain, KeyId: unknown }, codes.keyNotFound);
    await refused({ ...plain, ImportType: 3 }, codes.type);
    await refused({ ...plain, ImportKeyMaterial: "no base64!" }, codes.plaintext);
    await refused({ ...plain, ImportKeyMaterial: "" }, codes.plaintext);
    await refused({ ...plain, ImportKeyMaterial: base64(randomBytes(1025)) }, codes.plaintext);
    await refused({ ...plain, HsmClusterId: "some" }, codes.cluster);
    await refused({ ...plain, DataKeyName: "not a name" }, codes.name);
    await refused(
      { ...plain, Tags: [1, 2].map(() => ({ TagKey: "a", TagValue: "b" })) },
      "InvalidParameterValue.TagKeysDuplicated",
    );
    const sealed = { ImportType: 1, ImportKeyMaterial: CiphertextBlob };
    await refused({ ...sealed, KeyId: other }, codes.material);
    await refused({ ...sealed, ImportKeyMaterial: "AAAA" }, codes.material);
    const altered = Buffer.from(CiphertextBlob, "base64");
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    await refused({ ...sealed, ImportKeyMaterial: base64(altered) }, codes.material);
    await clear();
  });

  it("names are unique, well formed and free again after the end", async () => {
    const DataKeyName = newAlias();
    const { DataKeyId } = await host({ DataKeyName });
    await expectCode(host({ DataKeyName }), codes.taken);
    await expectCode(host({ DataKeyName: "kms-reserved" }), codes.name);
    await expectCode(host({ DataKeyName: "" }), "MissingParameter");
    const { DataKeyId: second } = await host();
    await expectCode(kms.UpdateDataKeyName({ DataKeyId: second, DataKeyName }), codes.taken);
    await expectCode(kms.UpdateDataKeyName({ DataKeyId, DataKeyName: "-" }), codes.name);
    await kms.UpdateDataKeyName({ DataKeyId, DataKeyName });
    const renamed = newAlias();
    await kms.UpdateDataKeyName({ DataKeyId, DataKeyName: renamed });
    await kms.UpdateDataKeyDescription({ DataKeyId, Description: "说明" });
    const { DataKeyMetadata } = await kms.DescribeDataKey({ DataKeyId });
    expect(DataKeyMetadata).toMatchObject({ DataKeyName: renamed, Description: "说明" });
    await expectCode(
      kms.UpdateDataKeyDescription({ DataKeyId, Description: "x".repeat(101) }),
      "InvalidParameter",
    );
    await clear();
    await host({ DataKeyName: renamed });
  });

  it("what is disabled, or waits for deletion, is not to be had", async () => {
    const { DataKeyId, Plaintext } = await host();
    const { DataKeyId: other } = await host();
    const DataKeyIds = [DataKeyId, other];
    await expectCode(
      kms.ScheduleDataKeyDeletion({ DataKeyId, PendingWindowInDays: 7 }),
      codes.state,
    );
    for (let n = 0; n < 2; n++) await kms.DisableDataKey({ DataKeyId });
    await expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.disabled);
    await expectCode(kms.GetDataKeyCiphertextBlob({ DataKeyId }), codes.state);
    await kms.DisableDataKeys({ DataKeyIds });
    await expectCode(kms.GetDataKeyPlaintext({ DataKeyId: other }), codes.disabled);
    for (let n = 0; n < 2; n++) await kms.EnableDataKeys({ DataKeyIds });
    expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
    await expectCode(kms.CancelDataKeyDeletion({ DataKeyId }), codes.notPending);

    await kms.DisableDataKey({ DataKeyId });
    for (const PendingWindowInDays of [6, 31]) {
      const schedule = kms.ScheduleDataKeyDeletion({ DataKeyId, PendingWindowInDays });
      await expectCode(schedule, codes.window);
    }
    const { DeletionDate = 0 } = await kms.ScheduleDataKeyDeletion({
      DataKeyId,
      PendingWindowInDays: 7,
    });
    expect(Math.abs(DeletionDate - Date.now() / 1000 - 7 * 86_400)).toBeLessThan(30);
    await expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.pending);
    for (const [action, params] of onOne) {
      if (/^(Describe|Get|Cancel)/.test(action)) continue;
      await expectCode(call(action, { ...params, DataKeyId }), codes.state);
    }
    for (const action of ["EnableDataKeys", "DisableDataKeys"]) {
      await expectCode(call(action, { DataKeyIds }), codes.state);
    }
    const { DataKeyMetadatas } = await kms.DescribeDataKeys({ DataKeyIds });
    expect(DataKeyMetadatas?.map((row) => row.KeyState)).toEqual(["PendingDelete", "Enabled"]);
    const { DataKeys } = await kms.ListDataKeys({ Limit: 200 });
    expect(DataKeys).not.toContainEqual({ DataKeyId });
    await kms.CancelDataKeyDeletion({ DataKeyId });
    await expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.disabled);
    await kms.EnableDataKey({ DataKeyId });
    expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
    await clear();
  });

  it("the quota counts what does not wait for deletion", async () => {
    await clear();
    const ids: string[] = [];
    for (let n = 0; n < 12; n++) ids.push((await host()).DataKeyId);
    await expectCode(host(), codes.quota);
    const [DataKeyId = ""] = ids;
    await kms.DisableDataKey({ DataKeyId });
    await kms.ScheduleDataKeyDeletion({ DataKeyId, PendingWindowInDays: 7 });
    await host();
    await expectCode(kms.CancelDataKeyDeletion({ DataKeyId }), codes.quota);
    await clear();
  });

  it("the state of the CMK is that of its data keys", async () => {
    const { KeyId: own = "" } = await kms.CreateKey({ Alias: newAlias() });
    const { DataKeyId, Plaintext } = await host({ KeyId: own });
    await kms.DisableKey({ KeyId: own });
    await within5s(() => expectCode(kms.GetDataKeyPlaintext({ DataKeyId }), codes.keyDisabled));
    await within5s(() => expectCode(host({ KeyId: own }), codes.keyDisabled));
    await kms.DisableDataKey({ DataKeyId });
    await kms.ScheduleKeyDeletion({ KeyId: own, PendingWindowInDays: 7 });
    await expectCode(kms.EnableDataKey({ DataKeyId }), codes.keyState);
    await expectCode(kms.EnableDataKeys({ DataKeyIds: [DataKeyId] }), codes.keyState);
    await kms.ScheduleDataKeyDeletion({ DataKeyId, PendingWindowInDays: 7 });
    await expectCode(kms.CancelDataKeyDeletion({ DataKeyId }), codes.keyState);
    await kms.CancelKeyDeletion({ KeyId: own });
    await kms.CancelDataKeyDeletion({ DataKeyId });
    await kms.EnableKey({ KeyId: own });
    await kms.EnableDataKey({ DataKeyId });
    await within5s(async () => {
      expect((await kms.GetDataKeyPlaintext({ DataKeyId })).Plaintext).toBe(Plaintext);
    });
    await kms.DisableDataKey({ DataKeyId });
    const bury = (state: string) =>
      withDatabase(system, (query) =>
        query("update keys set state = $2 where key_id = $1", [own, state]),
      );
    await bury("Deleted");
    await expectCode(kms.EnableDataKey({ DataKeyId }), codes.keyNotFound);
    await expectCode(kms.ListDataKeyDetail({ KeyId: own }), codes.keyNotFound);
    await bury("Enabled");
    await clear();
  });

  it("lists page by page, and refuses filters of another form", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await host()).DataKeyId);
    const page = async (Offset: number, OrderType: number) =>
      (await kms.ListDataKeyDetail({ Offset, Limit: 1, OrderType })).DataKeyMetadatas?.[0]
        ?.DataKeyId;
    expect([await page(0, 1), await page(1, 1), await page(2, 1)]).toEqual(ids);
    expect(await page(0, 0)).toBe(ids[2]);
    expect((await kms.ListDataKeys({ Offset: 1, Limit: 2 })).TotalCount).toBe(3);
    await expectCode(kms.ListDataKeyDetail({ Limit: 201 }), "InvalidParameter");
    await expectCode(kms.ListDataKeys({ Limit: 201 }), "InvalidParameterValue");
    await expectCode(kms.ListDataKeys({ Role: 2 }), "InvalidParameterValue");
    await expectCode(kms.ListDataKeyDetail({ HsmClusterId: "some" }), codes.cluster);
    await expectCode(kms.ListDataKeys({ HsmClusterId: "some" }), codes.cluster);
    await expectCode(kms.ListDataKeyDetail({ KeyId: "no-uuid" }), codes.keyId);
    await expectCode(kms.ListDataKeyDetail({ KeyId: unknown }), codes.keyNotFound);
    const MemberAccounts = [MemberAccount];
    await expectCode(kms.ListDataKeyDetail({ MemberAccounts }), codes.member);
    await clear();
  });
});

it("a data key of another region does not exist here", async () => {
  const there = createClient(system, { region: "ap-guangzhou" });
  const here = createClient(system, { region: "ap-singapore" });
  const { KeyId = "" } = await there.CreateKey({ Alias: newAlias() });
  const { DataKeyId = "" } = await there.ImportDataKey({
    DataKeyName: newAlias(),
    ImportType: 2,
    ImportKeyMaterial: base64("0123456789abcdef"),
    KeyId,
  });
  await expectCode(here.GetDataKeyPlaintext({ DataKeyId }), codes.notFound);
  await expectCode(here.DescribeDataKey({ DataKeyId }), codes.notFound);
});

it("the control plane and its database never hold the plaintext of an imported data key", async () => {
  const kms = createClient(system, { region: "ap-singapore", door: "edge" });
  const { KeyId = "" } = await kms.CreateKey({ Alias: newAlias() });
  const material = randomBytes(32);
  await kms.ImportDataKey({
    DataKeyName: newAlias(),
    ImportType: 2,
    ImportKeyMaterial: base64(material),
    KeyId,
  });
  const rows = (await withDatabase(system, (query) =>
    query("select data_keys::text as text from data_keys"),
  )) as { rows: { text: string }[] };
  for (const form of ["base64", "hex"] as const) {
    expect(JSON.stringify(rows.rows)).not.toContain(material.toString(form));
    expect(system.output()).not.toContain(material.toString(form));
  }
});
