import type * as sdk from "tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_models.js";
import { describe, expect, expectTypeOf, test } from "vitest";
import { services } from "../services.ts";
import type { ActionOutput, ActionRequest } from "./definition.ts";
import { edgekmsActions, findAction, type KmsActionName, kmsActions } from "./registry.ts";

const rows = Object.entries(kmsActions);

const edgeRows = Object.entries(edgekmsActions);
const allRows = [...rows, ...edgeRows];

describe("every action", () => {
  test.each(allRows)("%s is found under its own name, in its own service", (name, row) => {
    expect(row.name).toBe(name);
    expect(findAction(row.service, name)).toBe(row);
    expect(row.version).toBe(services[row.service].version);
  });

  test.each(allRows)("%s describes itself and its fields", (_name, row) => {
    expect(row.summary).toMatch(/^[A-Z].*\.$/);
    expect(new Set(row.errors).size).toBe(row.errors.length);
    expect([...row.errors]).toEqual([...row.errors].sort());
    expect(Object.keys(row.output.entries)).not.toContain("RequestId");
  });

  test("has a name that no other service has", () => {
    expect(new Set(allRows.map(([name]) => name)).size).toBe(allRows.length);
  });

  test("of another name is none, in any spelling", () => {
    for (const name of ["NoSuchAction", "encrypt", "constructor", "__proto__", ""]) {
      expect(findAction("kms", name)).toBeNull();
    }
  });
});

test("what changes anything at the edges or in alarms runs once per signature", () => {
  const writes = edgeRows.filter(([, row]) => row.kind === "write").map(([name]) => name);
  expect(writes).toEqual([
    "AcceptUnaccounted",
    "CreateNotificationTarget",
    "DeleteNotificationTarget",
    "ModifyKeyEdgeSettings",
    "RestoreAccessKey",
    "RestoreEdge",
    "RestoreKeyAtEdge",
    "RevokeAccessKey",
    "RevokeEdge",
    "RevokeKeyAtEdge",
    "TestNotificationTarget",
  ]);
  expect(new Set(edgeRows.map(([, row]) => row.plane))).toEqual(new Set(["control"]));
});

test("planes and granularity are those of the contract", () => {
  const where = (test: (row: (typeof rows)[number][1]) => boolean) =>
    rows.filter(([, row]) => test(row)).map(([name]) => name);
  expect(where((row) => row.plane === "data")).toEqual([
    "AsymmetricRsaDecrypt",
    "AsymmetricSm2Decrypt",
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateRandom",
    "GetDataKeyPlaintext",
    "GetPublicKey",
    "ImportDataKey",
    "ReEncrypt",
    "SignByAsymmetricKey",
    "VerifyByAsymmetricKey",
  ]);
  expect(where((row) => row.granularity === "operation")).toEqual([
    "CreateKey",
    "GenerateRandom",
    "GetRegions",
    "GetServiceStatus",
    "ImportDataKey",
    "ListAlgorithms",
    "ListDataKeyDetail",
    "ListDataKeys",
    "ListKeyDetail",
    "ListKeys",
  ]);
  expect(where((row) => row.kind === "write")).toEqual([
    "ArchiveKey",
    "BindCloudResource",
    "CancelDataKeyDeletion",
    "CancelKeyArchive",
    "CancelKeyDeletion",
    "CreateKey",
    "DeleteImportedKeyMaterial",
    "DisableDataKey",
    "DisableDataKeys",
    "DisableKey",
    "DisableKeyRotation",
    "DisableKeys",
    "EnableDataKey",
    "EnableDataKeys",
    "EnableKey",
    "EnableKeyRotation",
    "EnableKeys",
    "GetParametersForImport",
    "ImportDataKey",
    "ImportKeyMaterial",
    "RotateKey",
    "ScheduleDataKeyDeletion",
    "ScheduleKeyDeletion",
    "UnbindCloudResource",
    "UpdateAlias",
    "UpdateDataKeyDescription",
    "UpdateDataKeyName",
    "UpdateKeyDescription",
  ]);
});

// What the SDK sends is what we read, and the other way round: compiled, not run.
describe("types of the Node SDK", () => {
  /** The SDK types a request without parameters as null and sends {}. */
  type None<T> = T extends null ? Record<never, never> : T;
  interface Requests {
    ArchiveKey: sdk.ArchiveKeyRequest;
    AsymmetricRsaDecrypt: sdk.AsymmetricRsaDecryptRequest;
    AsymmetricSm2Decrypt: sdk.AsymmetricSm2DecryptRequest;
    BindCloudResource: sdk.BindCloudResourceRequest;
    CancelDataKeyDeletion: sdk.CancelDataKeyDeletionRequest;
    CancelKeyArchive: sdk.CancelKeyArchiveRequest;
    CancelKeyDeletion: sdk.CancelKeyDeletionRequest;
    CreateKey: sdk.CreateKeyRequest;
    Decrypt: sdk.DecryptRequest;
    DeleteImportedKeyMaterial: sdk.DeleteImportedKeyMaterialRequest;
    DescribeDataKey: sdk.DescribeDataKeyRequest;
    DescribeDataKeys: sdk.DescribeDataKeysRequest;
    DescribeKey: sdk.DescribeKeyRequest;
    DescribeKeys: sdk.DescribeKeysRequest;
    DisableDataKey: sdk.DisableDataKeyRequest;
    DisableDataKeys: sdk.DisableDataKeysRequest;
    DisableKey: sdk.DisableKeyRequest;
    DisableKeyRotation: sdk.DisableKeyRotationRequest;
    DisableKeys: sdk.DisableKeysRequest;
    EnableDataKey: sdk.EnableDataKeyRequest;
    EnableDataKeys: sdk.EnableDataKeysRequest;
    EnableKey: sdk.EnableKeyRequest;
    EnableKeyRotation: sdk.EnableKeyRotationRequest;
    EnableKeys: sdk.EnableKeysRequest;
    Encrypt: sdk.EncryptRequest;
    GenerateDataKey: sdk.GenerateDataKeyRequest;
    GenerateRandom: sdk.GenerateRandomRequest;
    GetDataKeyCiphertextBlob: sdk.GetDataKeyCiphertextBlobRequest;
    GetDataKeyPlaintext: sdk.GetDataKeyPlaintextRequest;
    GetKeyRotationStatus: sdk.GetKeyRotationStatusRequest;
    GetParametersForImport: sdk.GetParametersForImportRequest;
    GetPublicKey: sdk.GetPublicKeyRequest;
    GetRegions: None<sdk.GetRegionsRequest>;
    GetServiceStatus: None<sdk.GetServiceStatusRequest>;
    ImportDataKey: sdk.ImportDataKeyRequest;
    ImportKeyMaterial: sdk.ImportKeyMaterialRequest;
    ListAlgorithms: None<sdk.ListAlgorithmsRequest>;
    ListDataKeyDetail: sdk.ListDataKeyDetailRequest;
    ListDataKeys: sdk.ListDataKeysRequest;
    ListKeyDetail: sdk.ListKeyDetailRequest;
    ListKeys: sdk.ListKeysRequest;
    ReEncrypt: sdk.ReEncryptRequest;
    RotateKey: sdk.RotateKeyRequest;
    ScheduleDataKeyDeletion: sdk.ScheduleDataKeyDeletionRequest;
    ScheduleKeyDeletion: sdk.ScheduleKeyDeletionRequest;
    SignByAsymmetricKey: sdk.SignByAsymmetricKeyRequest;
    UnbindCloudResource: sdk.UnbindCloudResourceRequest;
    UpdateAlias: sdk.UpdateAliasRequest;
    UpdateDataKeyDescription: sdk.UpdateDataKeyDescriptionRequest;
    UpdateDataKeyName: sdk.UpdateDataKeyNameRequest;
    UpdateKeyDescription: sdk.UpdateKeyDescriptionRequest;
    VerifyByAsymmetricKey: sdk.VerifyByAsymmetricKeyRequest;
  }
  interface Responses {
    ArchiveKey: sdk.ArchiveKeyResponse;
    AsymmetricRsaDecrypt: sdk.AsymmetricRsaDecryptResponse;
    AsymmetricSm2Decrypt: sdk.AsymmetricSm2DecryptResponse;
    BindCloudResource: sdk.BindCloudResourceResponse;
    CancelDataKeyDeletion: sdk.CancelDataKeyDeletionResponse;
    CancelKeyArchive: sdk.CancelKeyArchiveResponse;
    CancelKeyDeletion: sdk.CancelKeyDeletionResponse;
    CreateKey: sdk.CreateKeyResponse;
    Decrypt: sdk.DecryptResponse;
    DeleteImportedKeyMaterial: sdk.DeleteImportedKeyMaterialResponse;
    DescribeDataKey: sdk.DescribeDataKeyResponse;
    DescribeDataKeys: sdk.DescribeDataKeysResponse;
    DescribeKey: sdk.DescribeKeyResponse;
    DescribeKeys: sdk.DescribeKeysResponse;
    DisableDataKey: sdk.DisableDataKeyResponse;
    DisableDataKeys: sdk.DisableDataKeysResponse;
    DisableKey: sdk.DisableKeyResponse;
    DisableKeyRotation: sdk.DisableKeyRotationResponse;
    DisableKeys: sdk.DisableKeysResponse;
    EnableDataKey: sdk.EnableDataKeyResponse;
    EnableDataKeys: sdk.EnableDataKeysResponse;
    EnableKey: sdk.EnableKeyResponse;
    EnableKeyRotation: sdk.EnableKeyRotationResponse;
    EnableKeys: sdk.EnableKeysResponse;
    Encrypt: sdk.EncryptResponse;
    GenerateDataKey: sdk.GenerateDataKeyResponse;
    GenerateRandom: sdk.GenerateRandomResponse;
    GetDataKeyCiphertextBlob: sdk.GetDataKeyCiphertextBlobResponse;
    GetDataKeyPlaintext: sdk.GetDataKeyPlaintextResponse;
    GetKeyRotationStatus: sdk.GetKeyRotationStatusResponse;
    GetParametersForImport: sdk.GetParametersForImportResponse;
    GetPublicKey: sdk.GetPublicKeyResponse;
    GetRegions: sdk.GetRegionsResponse;
    GetServiceStatus: sdk.GetServiceStatusResponse;
    ImportDataKey: sdk.ImportDataKeyResponse;
    ImportKeyMaterial: sdk.ImportKeyMaterialResponse;
    ListAlgorithms: sdk.ListAlgorithmsResponse;
    ListDataKeyDetail: sdk.ListDataKeyDetailResponse;
    ListDataKeys: sdk.ListDataKeysResponse;
    ListKeyDetail: sdk.ListKeyDetailResponse;
    ListKeys: sdk.ListKeysResponse;
    ReEncrypt: sdk.ReEncryptResponse;
    RotateKey: sdk.RotateKeyResponse;
    ScheduleDataKeyDeletion: sdk.ScheduleDataKeyDeletionResponse;
    ScheduleKeyDeletion: sdk.ScheduleKeyDeletionResponse;
    SignByAsymmetricKey: sdk.SignByAsymmetricKeyResponse;
    UnbindCloudResource: sdk.UnbindCloudResourceResponse;
    UpdateAlias: sdk.UpdateAliasResponse;
    UpdateDataKeyDescription: sdk.UpdateDataKeyDescriptionResponse;
    UpdateDataKeyName: sdk.UpdateDataKeyNameResponse;
    UpdateKeyDescription: sdk.UpdateKeyDescriptionResponse;
    VerifyByAsymmetricKey: sdk.VerifyByAsymmetricKeyResponse;
  }
  /** Types without the difference between an absent member and one that is undefined. */
  type Loose<T> = T extends readonly (infer I)[]
    ? Loose<I>[]
    : T extends object
      ? { [K in keyof T]: Loose<Exclude<T[K], undefined>> }
      : T;
  type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
  type Members<T> = keyof Required<T>;

  test("name the same parameters, of the same types", () => {
    type Verdict = {
      [N in KmsActionName]: Same<
        Loose<ActionRequest<(typeof kmsActions)[N]>>,
        Loose<Requests[N]>
      > extends true
        ? Same<Members<ActionRequest<(typeof kmsActions)[N]>>, Members<Requests[N]>> extends true
          ? true
          : N
        : N;
    };
    expectTypeOf<Verdict[KmsActionName]>().toEqualTypeOf<true>();
  });

  test("take every answer", () => {
    type Verdict = {
      [N in KmsActionName]: Loose<ActionOutput<(typeof kmsActions)[N]>> extends Loose<
        Omit<Responses[N], "RequestId">
      >
        ? Members<ActionOutput<(typeof kmsActions)[N]>> extends Members<Responses[N]>
          ? true
          : N
        : N;
    };
    expectTypeOf<Verdict[KmsActionName]>().toEqualTypeOf<true>();
  });
});
