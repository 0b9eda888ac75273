/** DeleteImportedKeyMaterial: takes the material away; the CMK stays. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members } from "../fields.ts";

export const deleteImportedKeyMaterial = {
  service: "kms",
  version: services.kms.version,
  name: "DeleteImportedKeyMaterial",
  summary: "Destroys the imported material of a CMK, which then waits for the same material again.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ KeyId: keyId() }),
  output: noAnswer,
  errors: [
    "FailedOperation.CmkUsedByCloudProduct",
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotExternalCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type DeleteImportedKeyMaterialRequest = ActionRequest<typeof deleteImportedKeyMaterial>;
export type DeleteImportedKeyMaterialInput = ActionInput<typeof deleteImportedKeyMaterial>;
export type DeleteImportedKeyMaterialOutput = ActionOutput<typeof deleteImportedKeyMaterial>;
