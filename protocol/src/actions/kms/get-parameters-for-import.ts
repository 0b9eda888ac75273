/** GetParametersForImport: what key material is wrapped with on its way here. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members, oneOf } from "../fields.ts";
import { wrappingAlgorithms } from "./key-pairs.ts";

export const getParametersForImport = {
  service: "kms",
  version: services.kms.version,
  name: "GetParametersForImport",
  summary: "Returns a public key and a token for the import of key material, good for 24 hours.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId("A CMK made for imported material."),
    WrappingAlgorithm: oneOf(
      "How the material will be encrypted to the public key.",
      wrappingAlgorithms,
    ),
    WrappingKeySpec: oneOf("RSA_2048.", ["RSA_2048"]),
  }),
  output: v.object({
    KeyId: answerText("The id of the CMK."),
    ImportToken: answerText(
      "To be given to ImportKeyMaterial with the material; good for this CMK and algorithm only.",
    ),
    PublicKey: answerText(
      "Base64 of the SubjectPublicKeyInfo in DER (RFC 5280 §4.1) of an RSA key of 2048 bits.",
    ),
    ParametersValidTo: answerInteger("Until when token and public key are good, unix seconds."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotExternalCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type GetParametersForImportRequest = ActionRequest<typeof getParametersForImport>;
export type GetParametersForImportInput = ActionInput<typeof getParametersForImport>;
export type GetParametersForImportOutput = ActionOutput<typeof getParametersForImport>;
