/** AsymmetricRsaDecrypt: decrypts what was encrypted to the public key of an RSA CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, keyId, members, oneOf } from "../fields.ts";
import { maxRsaCiphertextBytes, rsaDecryptAlgorithms } from "./key-pairs.ts";

export const asymmetricRsaDecrypt = {
  service: "kms",
  version: services.kms.version,
  name: "AsymmetricRsaDecrypt",
  summary: "Decrypts a ciphertext with the private key of an RSA CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    Ciphertext: base64Bytes(
      "What was encrypted to the public key: base64 of 256 bytes.",
      maxRsaCiphertextBytes,
      "InvalidParameter",
    ),
    Algorithm: oneOf("How it was encrypted.", rsaDecryptAlgorithms),
  }),
  output: v.object({
    KeyId: answerText("The id of the CMK."),
    Plaintext: answerText("Base64 of the plaintext."),
  }),
  errors: [
    "FailedOperation.DecryptError",
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.InvalidKeyUsage",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type AsymmetricRsaDecryptRequest = ActionRequest<typeof asymmetricRsaDecrypt>;
export type AsymmetricRsaDecryptInput = ActionInput<typeof asymmetricRsaDecrypt>;
export type AsymmetricRsaDecryptOutput = ActionOutput<typeof asymmetricRsaDecrypt>;
