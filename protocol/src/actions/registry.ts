/** All actions, by service and name. The one table that routers, permission checks, audit and documentation read. */

import type { ServiceName } from "../services.ts";
import type { ActionDefinition } from "./definition.ts";
import { acceptUnaccounted } from "./edgekms/accept-unaccounted.ts";
import { createNotificationTarget } from "./edgekms/create-notification-target.ts";
import { deleteNotificationTarget } from "./edgekms/delete-notification-target.ts";
import { describeAlarms } from "./edgekms/describe-alarms.ts";
import { describeEdges } from "./edgekms/describe-edges.ts";
import { describeKeyEdgeSettings } from "./edgekms/describe-key-edge-settings.ts";
import { describeKeyHolders } from "./edgekms/describe-key-holders.ts";
import { describeKeyUsage } from "./edgekms/describe-key-usage.ts";
import { describeNotificationTargets } from "./edgekms/describe-notification-targets.ts";
import { modifyKeyEdgeSettings } from "./edgekms/modify-key-edge-settings.ts";
import { restoreAccessKey } from "./edgekms/restore-access-key.ts";
import { restoreEdge } from "./edgekms/restore-edge.ts";
import { restoreKeyAtEdge } from "./edgekms/restore-key-at-edge.ts";
import { revokeAccessKey } from "./edgekms/revoke-access-key.ts";
import { revokeEdge } from "./edgekms/revoke-edge.ts";
import { revokeKeyAtEdge } from "./edgekms/revoke-key-at-edge.ts";
import { testNotificationTarget } from "./edgekms/test-notification-target.ts";
import { archiveKey } from "./kms/archive-key.ts";
import { asymmetricRsaDecrypt } from "./kms/asymmetric-rsa-decrypt.ts";
import { asymmetricSm2Decrypt } from "./kms/asymmetric-sm2-decrypt.ts";
import { bindCloudResource } from "./kms/bind-cloud-resource.ts";
import { cancelDataKeyDeletion } from "./kms/cancel-data-key-deletion.ts";
import { cancelKeyArchive } from "./kms/cancel-key-archive.ts";
import { cancelKeyDeletion } from "./kms/cancel-key-deletion.ts";
import { createKey } from "./kms/create-key.ts";
import { decrypt } from "./kms/decrypt.ts";
import { deleteImportedKeyMaterial } from "./kms/delete-imported-key-material.ts";
import { describeDataKey } from "./kms/describe-data-key.ts";
import { describeDataKeys } from "./kms/describe-data-keys.ts";
import { describeKey } from "./kms/describe-key.ts";
import { describeKeys } from "./kms/describe-keys.ts";
import { disableDataKey } from "./kms/disable-data-key.ts";
import { disableDataKeys } from "./kms/disable-data-keys.ts";
import { disableKey } from "./kms/disable-key.ts";
import { disableKeyRotation } from "./kms/disable-key-rotation.ts";
import { disableKeys } from "./kms/disable-keys.ts";
import { enableDataKey } from "./kms/enable-data-key.ts";
import { enableDataKeys } from "./kms/enable-data-keys.ts";
import { enableKey } from "./kms/enable-key.ts";
import { enableKeyRotation } from "./kms/enable-key-rotation.ts";
import { enableKeys } from "./kms/enable-keys.ts";
import { encrypt } from "./kms/encrypt.ts";
import { generateDataKey } from "./kms/generate-data-key.ts";
import { generateRandom } from "./kms/generate-random.ts";
import { getDataKeyCiphertextBlob } from "./kms/get-data-key-ciphertext-blob.ts";
import { getDataKeyPlaintext } from "./kms/get-data-key-plaintext.ts";
import { getKeyRotationStatus } from "./kms/get-key-rotation-status.ts";
import { getParametersForImport } from "./kms/get-parameters-for-import.ts";
import { getPublicKey } from "./kms/get-public-key.ts";
import { getRegions } from "./kms/get-regions.ts";
import { getServiceStatus } from "./kms/get-service-status.ts";
import { importDataKey } from "./kms/import-data-key.ts";
import { importKeyMaterial } from "./kms/import-key-material.ts";
import { listAlgorithms } from "./kms/list-algorithms.ts";
import { listDataKeyDetail } from "./kms/list-data-key-detail.ts";
import { listDataKeys } from "./kms/list-data-keys.ts";
import { listKeyDetail } from "./kms/list-key-detail.ts";
import { listKeys } from "./kms/list-keys.ts";
import { reEncrypt } from "./kms/re-encrypt.ts";
import { rotateKey } from "./kms/rotate-key.ts";
import { scheduleDataKeyDeletion } from "./kms/schedule-data-key-deletion.ts";
import { scheduleKeyDeletion } from "./kms/schedule-key-deletion.ts";
import { signByAsymmetricKey } from "./kms/sign-by-asymmetric-key.ts";
import { unbindCloudResource } from "./kms/unbind-cloud-resource.ts";
import { updateAlias } from "./kms/update-alias.ts";
import { updateDataKeyDescription } from "./kms/update-data-key-description.ts";
import { updateDataKeyName } from "./kms/update-data-key-name.ts";
import { updateKeyDescription } from "./kms/update-key-description.ts";
import { verifyByAsymmetricKey } from "./kms/verify-by-asymmetric-key.ts";

export const kmsActions = {
  ArchiveKey: archiveKey,
  AsymmetricRsaDecrypt: asymmetricRsaDecrypt,
  AsymmetricSm2Decrypt: asymmetricSm2Decrypt,
  BindCloudResource: bindCloudResource,
  CancelDataKeyDeletion: cancelDataKeyDeletion,
  CancelKeyArchive: cancelKeyArchive,
  CancelKeyDeletion: cancelKeyDeletion,
  CreateKey: createKey,
  Decrypt: decrypt,
  DeleteImportedKeyMaterial: deleteImportedKeyMaterial,
  DescribeDataKey: describeDataKey,
  DescribeDataKeys: describeDataKeys,
  DescribeKey: describeKey,
  DescribeKeys: describeKeys,
  DisableDataKey: disableDataKey,
  DisableDataKeys: disableDataKeys,
  DisableKey: disableKey,
  DisableKeyRotation: disableKeyRotation,
  DisableKeys: disableKeys,
  EnableDataKey: enableDataKey,
  EnableDataKeys: enableDataKeys,
  EnableKey: enableKey,
  EnableKeyRotation: enableKeyRotation,
  EnableKeys: enableKeys,
  Encrypt: encrypt,
  GenerateDataKey: generateDataKey,
  GenerateRandom: generateRandom,
  GetDataKeyCiphertextBlob: getDataKeyCiphertextBlob,
  GetDataKeyPlaintext: getDataKeyPlaintext,
  GetKeyRotationStatus: getKeyRotationStatus,
  GetParametersForImport: getParametersForImport,
  GetPublicKey: getPublicKey,
  GetRegions: getRegions,
  GetServiceStatus: getServiceStatus,
  ImportDataKey: importDataKey,
  ImportKeyMaterial: importKeyMaterial,
  ListAlgorithms: listAlgorithms,
  ListDataKeyDetail: listDataKeyDetail,
  ListDataKeys: listDataKeys,
  ListKeyDetail: listKeyDetail,
  ListKeys: listKeys,
  ReEncrypt: reEncrypt,
  RotateKey: rotateKey,
  ScheduleDataKeyDeletion: scheduleDataKeyDeletion,
  ScheduleKeyDeletion: scheduleKeyDeletion,
  SignByAsymmetricKey: signByAsymmetricKey,
  UnbindCloudResource: unbindCloudResource,
  UpdateAlias: updateAlias,
  UpdateDataKeyDescription: updateDataKeyDescription,
  UpdateDataKeyName: updateDataKeyName,
  UpdateKeyDescription: updateKeyDescription,
  VerifyByAsymmetricKey: verifyByAsymmetricKey,
} as const satisfies Record<string, ActionDefinition>;

export type KmsActionName = keyof typeof kmsActions;

/** What the real service has no actions for; all of it is served by the control plane. */
export const edgekmsActions = {
  AcceptUnaccounted: acceptUnaccounted,
  CreateNotificationTarget: createNotificationTarget,
  DeleteNotificationTarget: deleteNotificationTarget,
  DescribeAlarms: describeAlarms,
  DescribeEdges: describeEdges,
  DescribeKeyEdgeSettings: describeKeyEdgeSettings,
  DescribeKeyHolders: describeKeyHolders,
  DescribeKeyUsage: describeKeyUsage,
  DescribeNotificationTargets: describeNotificationTargets,
  ModifyKeyEdgeSettings: modifyKeyEdgeSettings,
  RestoreAccessKey: restoreAccessKey,
  RestoreEdge: restoreEdge,
  RestoreKeyAtEdge: restoreKeyAtEdge,
  RevokeAccessKey: revokeAccessKey,
  RevokeEdge: revokeEdge,
  RevokeKeyAtEdge: revokeKeyAtEdge,
  TestNotificationTarget: testNotificationTarget,
} as const satisfies Record<string, ActionDefinition>;

export type EdgekmsActionName = keyof typeof edgekmsActions;

const actions: Readonly<Record<ServiceName, ReadonlyMap<string, ActionDefinition>>> = {
  kms: new Map<string, ActionDefinition>(Object.entries(kmsActions)),
  edgekms: new Map<string, ActionDefinition>(Object.entries(edgekmsActions)),
};

/** The row of an action, or `null` when the service has none of that name. Names are compared exactly. */
export function findAction(service: ServiceName, name: string): ActionDefinition | null {
  return actions[service].get(name) ?? null;
}

/** The rows of all services, by service and in the order of the tables above. */
export function listActions(): readonly ActionDefinition[] {
  return Object.values(actions).flatMap((rows) => [...rows.values()]);
}
