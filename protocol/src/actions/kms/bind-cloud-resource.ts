/** BindCloudResource: records that a cloud product uses a CMK. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members, productId, resourceId } from "../fields.ts";

export const bindCloudResource = {
  service: "kms",
  version: services.kms.version,
  name: "BindCloudResource",
  summary:
    "Records that a cloud product uses a CMK, which then cannot be disabled, archived or deleted.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    ProductId: productId(),
    ResourceId: resourceId(),
  }),
  output: noAnswer,
  errors: [
    "FailedOperation.CmkUsedByCloudProduct",
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type BindCloudResourceRequest = ActionRequest<typeof bindCloudResource>;
export type BindCloudResourceInput = ActionInput<typeof bindCloudResource>;
export type BindCloudResourceOutput = ActionOutput<typeof bindCloudResource>;
