/** SignByAsymmetricKey: signs a message or a digest. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { base64Bytes, keyId, members, oneOf, rule } from "../fields.ts";
import { isDigestOf, signAlgorithms } from "./key-pairs.ts";

export const signByAsymmetricKey = {
  service: "kms",
  version: services.kms.version,
  name: "SignByAsymmetricKey",
  summary: "Signs a message or a digest with the private key of a CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: v.pipe(
    members({
      Algorithm: oneOf("How to sign.", signAlgorithms),
      Message: base64Bytes(
        "What to sign: base64 of at most 4096 bytes, or of a digest of exactly as many bytes as the algorithm's.",
        4096,
        "InvalidParameter",
      ),
      KeyId: keyId(),
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
    Signature: answerText(
      "Base64 of the signature: 256 bytes for RSA, SEQUENCE { r, s } in DER for the others.",
    ),
  }),
  errors: [
    "AuthFailure",
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "MissingParameter",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
  ],
} as const satisfies ActionDefinition;

export type SignByAsymmetricKeyRequest = ActionRequest<typeof signByAsymmetricKey>;
export type SignByAsymmetricKeyInput = ActionInput<typeof signByAsymmetricKey>;
export type SignByAsymmetricKeyOutput = ActionOutput<typeof signByAsymmetricKey>;
