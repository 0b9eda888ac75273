/** CancelDataKeyDeletion: takes the deletion back. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, memberAccount, members } from "../fields.ts";

export const cancelDataKeyDeletion = {
  service: "kms",
  version: services.kms.version,
  name: "CancelDataKeyDeletion",
  summary: "Takes back the scheduled deletion of a hosted data key, which is then disabled.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyId: dataKeyId(), MemberAccount: v.optional(memberAccount()) }),
  output: v.object({ DataKeyId: answerText("The id of the data key.") }),
  errors: [
    "InvalidParameterValue.InvalidDataKeyId",
    "LimitExceeded.DataKeyLimitExceeded",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyNotPendingDelete",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type CancelDataKeyDeletionRequest = ActionRequest<typeof cancelDataKeyDeletion>;
export type CancelDataKeyDeletionInput = ActionInput<typeof cancelDataKeyDeletion>;
export type CancelDataKeyDeletionOutput = ActionOutput<typeof cancelDataKeyDeletion>;
