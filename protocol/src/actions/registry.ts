/** All actions, by service and name. The one table that routers, permission checks, audit and documentation read. */

import type { ServiceName } from "../services.ts";
import type { ActionDefinition } from "./definition.ts";
import { createKey } from "./kms/create-key.ts";
import { decrypt } from "./kms/decrypt.ts";
import { describeKey } from "./kms/describe-key.ts";
import { describeKeys } from "./kms/describe-keys.ts";
import { disableKey } from "./kms/disable-key.ts";
import { enableKey } from "./kms/enable-key.ts";
import { encrypt } from "./kms/encrypt.ts";
import { generateDataKey } from "./kms/generate-data-key.ts";
import { generateRandom } from "./kms/generate-random.ts";
import { getRegions } from "./kms/get-regions.ts";
import { getServiceStatus } from "./kms/get-service-status.ts";
import { listAlgorithms } from "./kms/list-algorithms.ts";
import { listKeyDetail } from "./kms/list-key-detail.ts";
import { listKeys } from "./kms/list-keys.ts";
import { reEncrypt } from "./kms/re-encrypt.ts";
import { updateAlias } from "./kms/update-alias.ts";
import { updateKeyDescription } from "./kms/update-key-description.ts";

export const kmsActions = {
  CreateKey: createKey,
  Decrypt: decrypt,
  DescribeKey: describeKey,
  DescribeKeys: describeKeys,
  DisableKey: disableKey,
  EnableKey: enableKey,
  Encrypt: encrypt,
  GenerateDataKey: generateDataKey,
  GenerateRandom: generateRandom,
  GetRegions: getRegions,
  GetServiceStatus: getServiceStatus,
  ListAlgorithms: listAlgorithms,
  ListKeyDetail: listKeyDetail,
  ListKeys: listKeys,
  ReEncrypt: reEncrypt,
  UpdateAlias: updateAlias,
  UpdateKeyDescription: updateKeyDescription,
} as const satisfies Record<string, ActionDefinition>;

export type KmsActionName = keyof typeof kmsActions;

const actions: Readonly<Record<ServiceName, ReadonlyMap<string, ActionDefinition>>> = {
  kms: new Map<string, ActionDefinition>(Object.entries(kmsActions)),
};

/** The row of an action, or `null` when the service has none of that name. Names are compared exactly. */
export function findAction(service: ServiceName, name: string): ActionDefinition | null {
  return actions[service].get(name) ?? null;
}
