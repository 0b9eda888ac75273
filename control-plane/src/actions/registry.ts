/**
 * All actions that this door serves itself, by name: each protocol row of the control plane joined with its handler. The
 * type demands a row for every one of them, and no other.
 */

import type { EdgekmsActionName, KmsActionName, kmsActions, ServiceName } from "@edge-kms/protocol";
import type { ControlAction } from "./action.ts";
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
import { bindCloudResource } from "./kms/bind-cloud-resource.ts";
import { cancelDataKeyDeletion } from "./kms/cancel-data-key-deletion.ts";
import { cancelKeyArchive } from "./kms/cancel-key-archive.ts";
import { cancelKeyDeletion } from "./kms/cancel-key-deletion.ts";
import { createKey } from "./kms/create-key.ts";
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
import { getDataKeyCiphertextBlob } from "./kms/get-data-key-ciphertext-blob.ts";
import { getKeyRotationStatus } from "./kms/get-key-rotation-status.ts";
import { getParametersForImport } from "./kms/get-parameters-for-import.ts";
import { getRegions } from "./kms/get-regions.ts";
import { getServiceStatus } from "./kms/get-service-status.ts";
import { importKeyMaterial } from "./kms/import-key-material.ts";
import { listAlgorithms } from "./kms/list-algorithms.ts";
import { listDataKeyDetail } from "./kms/list-data-key-detail.ts";
import { listDataKeys } from "./kms/list-data-keys.ts";
import { listKeyDetail } from "./kms/list-key-detail.ts";
import { listKeys } from "./kms/list-keys.ts";
import { rotateKey } from "./kms/rotate-key.ts";
import { scheduleDataKeyDeletion } from "./kms/schedule-data-key-deletion.ts";
import { scheduleKeyDeletion } from "./kms/schedule-key-deletion.ts";
import { unbindCloudResource } from "./kms/unbind-cloud-resource.ts";
import { updateAlias } from "./kms/update-alias.ts";
import { updateDataKeyDescription } from "./kms/update-data-key-description.ts";
import { updateDataKeyName } from "./kms/update-data-key-name.ts";
import { updateKeyDescription } from "./kms/update-key-description.ts";

/** Names of the actions whose row says `plane: "control"`. */
type ControlActionName = {
  [N in KmsActionName]: (typeof kmsActions)[N]["plane"] extends "control" ? N : never;
}[KmsActionName];

const kms: Readonly<Record<ControlActionName, ControlAction>> = {
  ArchiveKey: archiveKey,
  BindCloudResource: bindCloudResource,
  CancelDataKeyDeletion: cancelDataKeyDeletion,
  CancelKeyArchive: cancelKeyArchive,
  CancelKeyDeletion: cancelKeyDeletion,
  CreateKey: createKey,
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
  GetDataKeyCiphertextBlob: getDataKeyCiphertextBlob,
  GetKeyRotationStatus: getKeyRotationStatus,
  GetParametersForImport: getParametersForImport,
  GetRegions: getRegions,
  GetServiceStatus: getServiceStatus,
  ImportKeyMaterial: importKeyMaterial,
  ListAlgorithms: listAlgorithms,
  ListDataKeyDetail: listDataKeyDetail,
  ListDataKeys: listDataKeys,
  ListKeyDetail: listKeyDetail,
  ListKeys: listKeys,
  RotateKey: rotateKey,
  ScheduleDataKeyDeletion: scheduleDataKeyDeletion,
  ScheduleKeyDeletion: scheduleKeyDeletion,
  UnbindCloudResource: unbindCloudResource,
  UpdateAlias: updateAlias,
  UpdateDataKeyDescription: updateDataKeyDescription,
  UpdateDataKeyName: updateDataKeyName,
  UpdateKeyDescription: updateKeyDescription,
};

const edgekms: Readonly<Record<EdgekmsActionName, ControlAction>> = {
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
};

const byService: Readonly<Record<ServiceName, ReadonlyMap<string, ControlAction>>> = {
  kms: new Map(Object.entries(kms)),
  edgekms: new Map(Object.entries(edgekms)),
};

/** The action of that name that is served here; null for data-plane and unknown ones. */
export function findControlAction(service: ServiceName, name: string): ControlAction | null {
  return byService[service].get(name) ?? null;
}
