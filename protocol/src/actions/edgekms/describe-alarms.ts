/** DescribeAlarms: lists the alarms of a region, newest first. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { integer, keyIdOrEmpty, members, oneOf, pageLimit, pageOffset } from "../fields.ts";
import { alarmKinds } from "./fields.ts";

export const describeAlarms = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeAlarms",
  summary: "Lists the alarms of a region, newest first.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({
    Offset: pageOffset,
    Limit: pageLimit(),
    KeyId: v.optional(keyIdOrEmpty("Alarms of this CMK only."), ""),
    Kind: v.optional(oneOf("Alarms of this kind only.", ["", ...alarmKinds]), ""),
    StartTime: v.optional(integer("Not older than this, unix seconds."), 0),
    EndTime: v.optional(integer("Not younger than this, unix seconds; 0 for now."), 0),
  }),
  output: v.object({
    TotalCount: answerInteger("All matches, not the page."),
    Alarms: answerList(
      "The page.",
      v.object({
        AlarmId: answerInteger("Rises with time."),
        Kind: answerText(
          "UseOfKeyPendingDeletion: someone tried to use a key that waits for deletion. DeletionApproaching: one of three daily reminders.",
        ),
        Time: answerInteger("When it was raised, unix seconds."),
        KeyId: answerText("The CMK."),
        Alias: answerText("Its alias then."),
        DeletionDate: answerInteger("When the CMK was to be destroyed then, unix seconds."),
        DaysLeft: answerInteger("DeletionApproaching: 3, 2 or 1; 0 otherwise."),
        Action: answerText("UseOfKeyPendingDeletion: the action that was refused."),
        Uin: answerText("Who called it."),
        SecretId: answerText("With which access key."),
        SourceAddress: answerText("From where, as far as it is known."),
        CallRequestId: answerText("The RequestId of that call, by which the audit log has it."),
      }),
    ),
  }),
  errors: ["InvalidParameter", "InvalidParameterValue.InvalidKeyId", "UnauthorizedOperation"],
} as const satisfies ActionDefinition;

export type DescribeAlarmsRequest = ActionRequest<typeof describeAlarms>;
export type DescribeAlarmsInput = ActionInput<typeof describeAlarms>;
export type DescribeAlarmsOutput = ActionOutput<typeof describeAlarms>;
