/** GetDataKeyPlaintext: a hosted data key in the clear. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  dataKeyId,
  members,
  replyAlgorithmOf,
  replyAlgorithmRule,
  replyEncryption,
} from "../fields.ts";

export const getDataKeyPlaintext = {
  service: "kms",
  version: services.kms.version,
  name: "GetDataKeyPlaintext",
  summary: "Returns a hosted data key in the clear, or encrypted to a public key.",
  kind: "read",
  plane: "data",
  granularity: "resource",
  input: v.pipe(
    members({ DataKeyId: dataKeyId(), ...replyEncryption }),
    v.forward(
      v.check(
        (input) => replyAlgorithmOf(input) !== "unknown",
        replyAlgorithmRule("InvalidParameterValue.InvalidType"),
      ),
      ["EncryptionAlgorithm"],
    ),
  ),
  output: v.object({
    Plaintext: answerText("Base64 of the data key, or of its encryption to EncryptionPublicKey."),
  }),
  errors: [
    "AuthFailure.UnauthorizedOperation",
    "FailedOperation.EncryptionError",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidDataKeyId",
    "InvalidParameterValue.InvalidType",
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.DataKeyDisabled",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyPendingDelete",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type GetDataKeyPlaintextRequest = ActionRequest<typeof getDataKeyPlaintext>;
export type GetDataKeyPlaintextInput = ActionInput<typeof getDataKeyPlaintext>;
export type GetDataKeyPlaintextOutput = ActionOutput<typeof getDataKeyPlaintext>;
