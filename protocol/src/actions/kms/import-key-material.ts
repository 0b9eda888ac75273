/** ImportKeyMaterial: gives a CMK its material. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, integer, keyId, members, text } from "../fields.ts";
import { maxRsaCiphertextBytes } from "./key-pairs.ts";

export const importKeyMaterial = {
  service: "kms",
  version: services.kms.version,
  name: "ImportKeyMaterial",
  summary: "Imports key material into a CMK made for it, or the same material again.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    EncryptedKeyMaterial: base64Bytes(
      "The material, 32 bytes or 16 in an SM4 region, encrypted to the public key: base64 of 256 bytes.",
      maxRsaCiphertextBytes,
      "InvalidParameter",
    ),
    ImportToken: text("What GetParametersForImport returned.", { maxBytes: 4096 }),
    KeyId: keyId(),
    ValidTo: v.optional(
      integer("When the material expires, unix seconds after now; 0: never (default).", {
        max: 2_147_443_200,
      }),
      0,
    ),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameter.DecryptMaterialError",
    "InvalidParameterValue.InvalidKeyId",
    "InvalidParameterValue.MaterialNotMatch",
    "RequestLimitExceeded",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.TokenExpired",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotExternalCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type ImportKeyMaterialRequest = ActionRequest<typeof importKeyMaterial>;
export type ImportKeyMaterialInput = ActionInput<typeof importKeyMaterial>;
export type ImportKeyMaterialOutput = ActionOutput<typeof importKeyMaterial>;
