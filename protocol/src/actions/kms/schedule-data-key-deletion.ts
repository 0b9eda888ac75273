/** ScheduleDataKeyDeletion: a disabled one will be deleted. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, integer, memberAccount, members } from "../fields.ts";

export const scheduleDataKeyDeletion = {
  service: "kms",
  version: services.kms.version,
  name: "ScheduleDataKeyDeletion",
  summary: "Schedules the deletion of a disabled hosted data key in 7 to 30 days.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    DataKeyId: dataKeyId(),
    PendingWindowInDays: integer("Days until it is deleted, 7 to 30.", {
      min: 7,
      max: 30,
      code: "InvalidParameter.InvalidPendingWindowInDays",
    }),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({
    DeletionDate: answerInteger("When it will be deleted, unix seconds."),
    DataKeyId: answerText("The id of the data key."),
  }),
  errors: [
    "InvalidParameter.InvalidPendingWindowInDays",
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type ScheduleDataKeyDeletionRequest = ActionRequest<typeof scheduleDataKeyDeletion>;
export type ScheduleDataKeyDeletionInput = ActionInput<typeof scheduleDataKeyDeletion>;
export type ScheduleDataKeyDeletionOutput = ActionOutput<typeof scheduleDataKeyDeletion>;
