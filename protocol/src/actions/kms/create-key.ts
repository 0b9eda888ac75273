/** CreateKey: creates a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerText, tagAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  alias,
  hsmClusterId,
  integer,
  keyDescription,
  keyUsages,
  members,
  oneOf,
  tags,
} from "../fields.ts";

export const createKey = {
  service: "kms",
  version: services.kms.version,
  name: "CreateKey",
  summary: "Creates a CMK.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    Alias: alias(),
    Description: v.optional(keyDescription(), ""),
    KeyUsage: v.optional(
      oneOf(
        "What the key is for; ENCRYPT_DECRYPT by default.",
        ["", ...keyUsages],
        "InvalidParameterValue.InvalidKeyUsage",
      ),
      "",
    ),
    Type: v.optional(
      integer("1: the key material is made here (default). 2: it will be imported.", {
        min: 1,
        max: 2,
        code: "InvalidParameterValue.InvalidType",
      }),
      1,
    ),
    Tags: v.optional(tags()),
    HsmClusterId: v.optional(hsmClusterId()),
  }),
  output: v.object({
    KeyId: answerText("The id of the new CMK."),
    Alias: answerText("Its alias."),
    CreateTime: answerInteger("When it was created, unix seconds."),
    Description: answerText("Its description."),
    KeyState: answerText("Enabled, or PendingImport for Type 2."),
    KeyUsage: answerText("What it is for."),
    ...tagAnswer,
    HsmClusterId: answerText("Empty."),
  }),
  errors: [
    "FailedOperation.TaggingError",
    "InvalidParameter",
    "InvalidParameterValue.AliasAlreadyExists",
    "InvalidParameterValue.InvalidAlias",
    "InvalidParameterValue.InvalidHsmClusterId",
    "InvalidParameterValue.InvalidKeyUsage",
    "InvalidParameterValue.InvalidType",
    "InvalidParameterValue.TagKeysDuplicated",
    "InvalidParameterValue.TagsNotExisted",
    "LimitExceeded.CmkLimitExceeded",
    "UnauthorizedOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
    "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion",
  ],
} as const satisfies ActionDefinition;

export type CreateKeyRequest = ActionRequest<typeof createKey>;
export type CreateKeyInput = ActionInput<typeof createKey>;
export type CreateKeyOutput = ActionOutput<typeof createKey>;
