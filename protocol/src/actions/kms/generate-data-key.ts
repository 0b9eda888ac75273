/** GenerateDataKey: makes a data key and returns it plain and encrypted under a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText, tagAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  dataKeyDescription,
  dataKeyNameWords,
  encryptionContext,
  hsmClusterId,
  integer,
  isAlias,
  keyId,
  members,
  oneOf,
  replyAlgorithmOf,
  replyAlgorithmRule,
  replyEncryption,
  rule,
  tags,
  text,
} from "../fields.ts";

/** The length of the data key that an input asks for, or `null` when it names none. */
export function dataKeyBytes(input: {
  readonly KeySpec?: string | undefined;
  readonly NumberOfBytes?: number | undefined;
}): number | null {
  if (input.NumberOfBytes !== undefined) return input.NumberOfBytes;
  if (input.KeySpec === "AES_128") return 16;
  return input.KeySpec === "AES_256" ? 32 : null;
}

export const generateDataKey = {
  service: "kms",
  version: services.kms.version,
  name: "GenerateDataKey",
  summary: "Makes a data key and returns it plain and encrypted under a CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: v.pipe(
    members({
      KeyId: keyId("The CMK to encrypt the data key under."),
      KeySpec: v.optional(
        oneOf(
          "AES_128 (16 bytes) or AES_256 (32 bytes).",
          ["", "AES_128", "AES_256"],
          "InvalidParameterValue.InvalidType",
        ),
      ),
      NumberOfBytes: v.optional(
        integer("The length of the data key, 1 to 1024; wins over KeySpec.", { min: 1, max: 1024 }),
      ),
      EncryptionContext: encryptionContext(
        "A JSON object of strings, needed again to decrypt; at most 1024 characters.",
      ),
      ...replyEncryption,
      IsHostedByKms: v.optional(
        integer("1: also keep the data key here, under DataKeyName.", { max: 1 }),
        0,
      ),
      DataKeyName: v.optional(text("The name of a hosted data key.", { maxBytes: 256 })),
      Description: v.optional(dataKeyDescription()),
      HsmClusterId: v.optional(hsmClusterId()),
      Tags: v.optional(tags()),
    }),
    v.forward(
      v.check(
        (input) => replyAlgorithmOf(input) !== "unknown",
        replyAlgorithmRule("InvalidParameterValue.InvalidType"),
      ),
      ["EncryptionAlgorithm"],
    ),
    v.forward(
      v.check(
        (input) => dataKeyBytes(input) !== null,
        rule("MissingParameter", "or NumberOfBytes is required"),
      ),
      ["KeySpec"],
    ),
    v.forward(
      v.check(
        (input) => input.IsHostedByKms === 0 || (input.DataKeyName ?? "") !== "",
        rule("MissingParameter", "is required for a hosted data key"),
      ),
      ["DataKeyName"],
    ),
    v.forward(
      v.check(
        (input) => input.IsHostedByKms === 0 || isAlias(input.DataKeyName ?? ""),
        rule("InvalidParameterValue.InvalidDataKeyName", dataKeyNameWords),
      ),
      ["DataKeyName"],
    ),
  ),
  output: v.object({
    KeyId: answerText("The CMK."),
    Plaintext: answerText("Base64 of the data key, or of its encryption to EncryptionPublicKey."),
    CiphertextBlob: answerText("The data key encrypted under the CMK; Decrypt opens it."),
    DataKeyId: v.optional(answerText("The id of a hosted data key.")),
    ...tagAnswer,
  }),
  errors: [
    "FailedOperation.EncryptionError",
    "FailedOperation.TaggingError",
    "InvalidParameter",
    "InvalidParameterValue.DataKeyNameAlreadyExists",
    "InvalidParameterValue.InvalidDataKeyName",
    "InvalidParameterValue.InvalidHsmClusterId",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.InvalidKeyUsage",
    "InvalidParameterValue.InvalidType",
    "InvalidParameterValue.TagKeysDuplicated",
    "InvalidParameterValue.TagsNotExisted",
    "LimitExceeded.CmkLimitExceeded",
    "LimitExceeded.DataKeyLimitExceeded",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.KeyPendingDelete",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type GenerateDataKeyRequest = ActionRequest<typeof generateDataKey>;
export type GenerateDataKeyInput = ActionInput<typeof generateDataKey>;
export type GenerateDataKeyOutput = ActionOutput<typeof generateDataKey>;
