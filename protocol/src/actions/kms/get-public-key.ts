/** GetPublicKey: the public half of a key pair. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members } from "../fields.ts";

export const getPublicKey = {
  service: "kms",
  version: services.kms.version,
  name: "GetPublicKey",
  summary: "Returns the public key of an asymmetric CMK.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: members({ KeyId: keyId() }),
  output: v.object({
    KeyId: answerText("The id of the CMK."),
    PublicKey: answerText("Base64 of the SubjectPublicKeyInfo in DER (RFC 5280 §4.1)."),
    PublicKeyPem: answerText("The same in PEM."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type GetPublicKeyRequest = ActionRequest<typeof getPublicKey>;
export type GetPublicKeyInput = ActionInput<typeof getPublicKey>;
export type GetPublicKeyOutput = ActionOutput<typeof getPublicKey>;
