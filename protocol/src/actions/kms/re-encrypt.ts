/** ReEncrypt: decrypts a CiphertextBlob and encrypts it anew, without showing the plaintext. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { ciphertextBlob, encryptionContext, keyIdOrEmpty, members } from "../fields.ts";

export const reEncrypt = {
  service: "kms",
  version: services.kms.version,
  name: "ReEncrypt",
  summary: "Decrypts a CiphertextBlob and encrypts it anew, without showing the plaintext.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: members({
    CiphertextBlob: ciphertextBlob(),
    DestinationKeyId: v.optional(
      keyIdOrEmpty("The CMK to encrypt under; empty: the one that the ciphertext names."),
    ),
    SourceEncryptionContext: encryptionContext("The context of the given ciphertext."),
    DestinationEncryptionContext: encryptionContext("The context of the new ciphertext."),
  }),
  output: v.object({
    CiphertextBlob: answerText("The new ciphertext, or the given one when nothing had to be done."),
    KeyId: answerText("The CMK of the new ciphertext."),
    SourceKeyId: answerText("The CMK of the given one."),
    ReEncrypted: answerBoolean("False when the given ciphertext is returned unchanged."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidCiphertext",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.InvalidKeyUsage",
    "ResourceUnavailable.CmkArchived",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.KeyPendingDelete",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type ReEncryptRequest = ActionRequest<typeof reEncrypt>;
export type ReEncryptInput = ActionInput<typeof reEncrypt>;
export type ReEncryptOutput = ActionOutput<typeof reEncrypt>;
