/** AsymmetricSm2Decrypt: decrypts what was encrypted to the public key of an SM2 CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, keyId, members } from "../fields.ts";

export const asymmetricSm2Decrypt = {
  service: "kms",
  version: services.kms.version,
  name: "AsymmetricSm2Decrypt",
  summary: "Decrypts a ciphertext with the private key of an SM2 CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    Ciphertext: base64Bytes(
      "What was encrypted to the public key (GM/T 0009 §7.2, C1C3C2 in ASN.1): base64 of at most 256 bytes.",
      256,
      "InvalidParameter",
    ),
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
    "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion",
  ],
} as const satisfies ActionDefinition;

export type AsymmetricSm2DecryptRequest = ActionRequest<typeof asymmetricSm2Decrypt>;
export type AsymmetricSm2DecryptInput = ActionInput<typeof asymmetricSm2Decrypt>;
export type AsymmetricSm2DecryptOutput = ActionOutput<typeof asymmetricSm2Decrypt>;
