/**
 * All actions that this door serves itself, by name: each protocol row of the control plane joined with its handler. The
 * type demands a row for every one of them, and no other.
 */

import type { KmsActionName, kmsActions, ServiceName } from "@edge-kms/protocol";
import type { ControlAction } from "./action.ts";
import { createKey } from "./kms/create-key.ts";
import { describeKey } from "./kms/describe-key.ts";
import { describeKeys } from "./kms/describe-keys.ts";
import { disableKey } from "./kms/disable-key.ts";
import { enableKey } from "./kms/enable-key.ts";
import { getRegions } from "./kms/get-regions.ts";
import { getServiceStatus } from "./kms/get-service-status.ts";
import { listAlgorithms } from "./kms/list-algorithms.ts";
import { listKeyDetail } from "./kms/list-key-detail.ts";
import { listKeys } from "./kms/list-keys.ts";
import { updateAlias } from "./kms/update-alias.ts";
import { updateKeyDescription } from "./kms/update-key-description.ts";

/** Names of the actions whose row says `plane: "control"`. */
type ControlActionName = {
  [N in KmsActionName]: (typeof kmsActions)[N]["plane"] extends "control" ? N : never;
}[KmsActionName];

const kms: Readonly<Record<ControlActionName, ControlAction>> = {
  CreateKey: createKey,
  DescribeKey: describeKey,
  DescribeKeys: describeKeys,
  DisableKey: disableKey,
  EnableKey: enableKey,
  GetRegions: getRegions,
  GetServiceStatus: getServiceStatus,
  ListAlgorithms: listAlgorithms,
  ListKeyDetail: listKeyDetail,
  ListKeys: listKeys,
  UpdateAlias: updateAlias,
  UpdateKeyDescription: updateKeyDescription,
};

const byService: Readonly<Record<ServiceName, ReadonlyMap<string, ControlAction>>> = {
  kms: new Map(Object.entries(kms)),
};

/** The action of that name that is served here; null for data-plane and unknown ones. */
export function findControlAction(service: ServiceName, name: string): ControlAction | null {
  return byService[service].get(name) ?? null;
}
