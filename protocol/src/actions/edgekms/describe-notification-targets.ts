/** DescribeNotificationTargets: lists who is told of alarms, and how the last message to each went. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";

export const describeNotificationTargets = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeNotificationTargets",
  summary: "Lists who is told of alarms, and how the last message to each went.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({}),
  output: v.object({
    WebhookPublicKey: answerText(
      "What signatures of webhooks are verified with, as Standard Webhooks write it: whpk_ and base64.",
    ),
    Targets: answerList(
      "All of the account, oldest first.",
      v.object({
        TargetId: answerText("The id, a UUID."),
        Kind: answerText("webhook, wecom or email."),
        Address: answerText("The address; of a WeCom robot without its key."),
        CreateTime: answerInteger("When it was named, unix seconds."),
        LastState: answerText("Waiting, Delivered or GivenUp; empty while there was no message."),
        LastResult: answerText("What the last attempt came to."),
        LastTime: answerInteger("When, unix seconds; 0 while there was no message."),
      }),
    ),
  }),
  errors: ["InvalidParameter", "UnauthorizedOperation"],
} as const satisfies ActionDefinition;

export type DescribeNotificationTargetsRequest = ActionRequest<typeof describeNotificationTargets>;
export type DescribeNotificationTargetsInput = ActionInput<typeof describeNotificationTargets>;
export type DescribeNotificationTargetsOutput = ActionOutput<typeof describeNotificationTargets>;
