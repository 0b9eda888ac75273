/** TestNotificationTarget: sends a test message to a target; DescribeNotificationTargets tells how it went. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";
import { targetId } from "./fields.ts";

export const testNotificationTarget = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "TestNotificationTarget",
  summary: "Sends a test message to a target; DescribeNotificationTargets tells how it went.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({ TargetId: targetId() }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "ResourceNotFound",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type TestNotificationTargetRequest = ActionRequest<typeof testNotificationTarget>;
export type TestNotificationTargetInput = ActionInput<typeof testNotificationTarget>;
export type TestNotificationTargetOutput = ActionOutput<typeof testNotificationTarget>;
