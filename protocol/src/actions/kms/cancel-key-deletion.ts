/** CancelKeyDeletion: a CMK will not be destroyed after all. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const cancelKeyDeletion = {
  service: "kms",
  version: services.kms.version,
  name: "CancelKeyDeletion",
  summary: "Takes back the scheduled destruction of a CMK, which is then disabled.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({ KeyId: answerText("The id of the CMK.") }),
  errors: [
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkNotPendingDelete",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type CancelKeyDeletionRequest = ActionRequest<typeof cancelKeyDeletion>;
export type CancelKeyDeletionInput = ActionInput<typeof cancelKeyDeletion>;
export type CancelKeyDeletionOutput = ActionOutput<typeof cancelKeyDeletion>;
