/** ScheduleKeyDeletion: a disabled CMK will be destroyed. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { integer, keyId, memberAccount, members } from "../fields.ts";

export const scheduleKeyDeletion = {
  service: "kms",
  version: services.kms.version,
  name: "ScheduleKeyDeletion",
  summary: "Schedules the destruction of a disabled CMK in 7 to 30 days.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    PendingWindowInDays: integer("Days until it is destroyed, 7 to 30.", {
      min: 7,
      max: 30,
      code: "InvalidParameter.InvalidPendingWindowInDays",
    }),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({
    DeletionDate: answerInteger("When it will be destroyed, unix seconds."),
    KeyId: answerText("The id of the CMK."),
  }),
  errors: [
    "FailedOperation.CmkUsedByCloudProduct",
    "InvalidParameter.InvalidPendingWindowInDays",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkShouldBeDisabled",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type ScheduleKeyDeletionRequest = ActionRequest<typeof scheduleKeyDeletion>;
export type ScheduleKeyDeletionInput = ActionInput<typeof scheduleKeyDeletion>;
export type ScheduleKeyDeletionOutput = ActionOutput<typeof scheduleKeyDeletion>;
