/** UnbindCloudResource: a cloud product no longer uses a CMK. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members, productId, resourceId } from "../fields.ts";

export const unbindCloudResource = {
  service: "kms",
  version: services.kms.version,
  name: "UnbindCloudResource",
  summary: "Removes the record that a cloud product uses a CMK.",
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
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CloudResourceBindingNotFound",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type UnbindCloudResourceRequest = ActionRequest<typeof unbindCloudResource>;
export type UnbindCloudResourceInput = ActionInput<typeof unbindCloudResource>;
export type UnbindCloudResourceOutput = ActionOutput<typeof unbindCloudResource>;
