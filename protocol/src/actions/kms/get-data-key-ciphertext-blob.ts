/** GetDataKeyCiphertextBlob: a hosted data key as Encrypt would give it. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, memberAccount, members } from "../fields.ts";

export const getDataKeyCiphertextBlob = {
  service: "kms",
  version: services.kms.version,
  name: "GetDataKeyCiphertextBlob",
  summary: "Returns a hosted data key encrypted under its CMK; Decrypt opens it.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyId: dataKeyId(), MemberAccount: v.optional(memberAccount()) }),
  output: v.object({
    CiphertextBlob: answerText("The data key encrypted under its CMK, without EncryptionContext."),
  }),
  errors: [
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type GetDataKeyCiphertextBlobRequest = ActionRequest<typeof getDataKeyCiphertextBlob>;
export type GetDataKeyCiphertextBlobInput = ActionInput<typeof getDataKeyCiphertextBlob>;
export type GetDataKeyCiphertextBlobOutput = ActionOutput<typeof getDataKeyCiphertextBlob>;
