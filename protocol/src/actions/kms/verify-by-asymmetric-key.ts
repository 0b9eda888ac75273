/** VerifyByAsymmetricKey: whether a signature is valid. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, keyId, members, oneOf, rule } from "../fields.ts";
import { isDigestOf, signAlgorithms } from "./key-pairs.ts";

export const verifyByAsymmetricKey = {
  service: "kms",
  version: services.kms.version,
  name: "VerifyByAsymmetricKey",
  summary: "Tells whether a signature is valid under the public key of a CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: v.pipe(
    members({
      KeyId: keyId(),
      SignatureValue: base64Bytes("The signature in base64.", 1024, "InvalidParameter"),
      Message: base64Bytes(
        "What was signed: base64 of at most 4096 bytes, or of a digest of exactly as many bytes as the algorithm's.",
        4096,
        "InvalidParameter",
      ),
      Algorithm: oneOf("How it was signed.", signAlgorithms),
      MessageType: v.optional(
        oneOf("RAW: Message is what is signed (default). DIGEST: it is its digest.", [
          "",
          "RAW",
          "DIGEST",
        ]),
        "",
      ),
    }),
    v.forward(
      v.check(
        (input) => input.MessageType !== "DIGEST" || isDigestOf(input.Algorithm, input.Message),
        rule(
          "InvalidParameter",
          "must be as long as a digest of the algorithm: 48 bytes for ECC_P384_R1, else 32",
        ),
      ),
      ["Message"],
    ),
  ),
  output: v.object({
    SignatureValid: answerBoolean("Whether it is. A signature that is not is no error."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
  ],
} as const satisfies ActionDefinition;

export type VerifyByAsymmetricKeyRequest = ActionRequest<typeof verifyByAsymmetricKey>;
export type VerifyByAsymmetricKeyInput = ActionInput<typeof verifyByAsymmetricKey>;
export type VerifyByAsymmetricKeyOutput = ActionOutput<typeof verifyByAsymmetricKey>;
