/** ImportDataKey: hosts a data key that exists already. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText, tagAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  dataKeyDescription,
  dataKeyName,
  hsmClusterId,
  integer,
  keyIdOrEmpty,
  members,
  rule,
  tags,
  text,
} from "../fields.ts";

export const importDataKey = {
  service: "kms",
  version: services.kms.version,
  name: "ImportDataKey",
  summary: "Hosts a data key that exists already, given plain or encrypted under a CMK.",
  kind: "write",
  plane: "data",
  granularity: "operation",
  input: v.pipe(
    members({
      DataKeyName: dataKeyName("The name of the data key, unique within account and region."),
      ImportKeyMaterial: text(
        "ImportType 1: a CiphertextBlob without EncryptionContext. ImportType 2: base64 of 1 to 1024 bytes.",
        { maxBytes: 8192 },
      ),
      ImportType: integer(
        "1: ImportKeyMaterial is encrypted under a CMK. 2: it is the data key itself.",
        {
          min: 1,
          max: 2,
          code: "InvalidParameterValue.InvalidType",
        },
      ),
      Description: v.optional(dataKeyDescription()),
      KeyId: v.optional(
        keyIdOrEmpty(
          "The CMK to keep it under. ImportType 2: required. ImportType 1: checked when given.",
        ),
        "",
      ),
      HsmClusterId: v.optional(hsmClusterId()),
      Tags: v.optional(tags()),
    }),
    v.forward(
      v.check(
        (input) => input.ImportType !== 2 || input.KeyId !== "",
        rule("MissingParameter", "is required for ImportType 2"),
      ),
      ["KeyId"],
    ),
  ),
  output: v.object({
    KeyId: answerText("The CMK that it is kept under."),
    DataKeyId: answerText("The id of the hosted data key."),
    ...tagAnswer,
  }),
  errors: [
    "AuthFailure.UnauthorizedOperation",
    "FailedOperation.TaggingError",
    "InvalidParameter",
    "InvalidParameterValue.DataKeyNameAlreadyExists",
    "InvalidParameterValue.InvalidDataKeyName",
    "InvalidParameterValue.InvalidHsmClusterId",
    "InvalidParameterValue.InvalidImportKeyMaterial",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.InvalidKeyUsage",
    "InvalidParameterValue.InvalidPlaintext",
    "InvalidParameterValue.InvalidType",
    "InvalidParameterValue.TagKeysDuplicated",
    "InvalidParameterValue.TagsNotExisted",
    "LimitExceeded.CmkLimitExceeded",
    "LimitExceeded.DataKeyLimitExceeded",
    "ResourceUnavailable.CmkArchived",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.KeyPendingDelete",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type ImportDataKeyRequest = ActionRequest<typeof importDataKey>;
export type ImportDataKeyInput = ActionInput<typeof importDataKey>;
export type ImportDataKeyOutput = ActionOutput<typeof importDataKey>;
