/** Encrypt: encrypts up to 4096 bytes under a CMK. */

import * as v from "valibot";
import { envelopeBytes } from "../../envelope.ts";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, encryptionContext, keyId, members } from "../fields.ts";

export const encrypt = {
  service: "kms",
  version: services.kms.version,
  name: "Encrypt",
  summary: "Encrypts up to 4096 bytes under a CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: members({
    KeyId: keyId("The CMK to encrypt under."),
    Plaintext: base64Bytes(
      "What to encrypt: base64 of at most 4096 bytes.",
      envelopeBytes.maxPlaintext,
      "InvalidParameterValue.InvalidPlaintext",
    ),
    EncryptionContext: encryptionContext(
      "A JSON object of strings, authenticated with the ciphertext and needed to decrypt it; at most 1024 characters.",
    ),
  }),
  output: v.object({
    CiphertextBlob: answerText("The ciphertext; it names its CMK."),
    KeyId: answerText("The CMK."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.InvalidKeyUsage",
    "InvalidParameterValue.InvalidPlaintext",
    "ResourceUnavailable.CmkArchived",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.KeyPendingDelete",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type EncryptRequest = ActionRequest<typeof encrypt>;
export type EncryptInput = ActionInput<typeof encrypt>;
export type EncryptOutput = ActionOutput<typeof encrypt>;
