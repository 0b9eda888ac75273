/** Decrypt: decrypts a CiphertextBlob under the CMK that it names. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  ciphertextBlob,
  encryptionContext,
  members,
  replyAlgorithmOf,
  replyAlgorithmRule,
  replyEncryption,
} from "../fields.ts";

export const decrypt = {
  service: "kms",
  version: services.kms.version,
  name: "Decrypt",
  summary: "Decrypts a CiphertextBlob under the CMK that it names.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: v.pipe(
    members({
      CiphertextBlob: ciphertextBlob(),
      EncryptionContext: encryptionContext("The same pairs as at encryption."),
      ...replyEncryption,
    }),
    v.forward(
      v.check(
        (input) => replyAlgorithmOf(input) !== "unknown",
        replyAlgorithmRule("InvalidParameter"),
      ),
      ["EncryptionAlgorithm"],
    ),
  ),
  output: v.object({
    KeyId: answerText("The CMK."),
    Plaintext: answerText("Base64 of the plaintext, or of its encryption to EncryptionPublicKey."),
  }),
  errors: [
    "FailedOperation.EncryptionError",
    "InvalidParameter",
    "InvalidParameterValue.InvalidCiphertext",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type DecryptRequest = ActionRequest<typeof decrypt>;
export type DecryptInput = ActionInput<typeof decrypt>;
export type DecryptOutput = ActionOutput<typeof decrypt>;
