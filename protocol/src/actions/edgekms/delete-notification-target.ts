/** DeleteNotificationTarget: tells somebody no more of alarms; messages on their way are dropped. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";
import { targetId } from "./fields.ts";

export const deleteNotificationTarget = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DeleteNotificationTarget",
  summary: "Tells somebody no more of alarms; messages on their way are dropped.",
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

export type DeleteNotificationTargetRequest = ActionRequest<typeof deleteNotificationTarget>;
export type DeleteNotificationTargetInput = ActionInput<typeof deleteNotificationTarget>;
export type DeleteNotificationTargetOutput = ActionOutput<typeof deleteNotificationTarget>;
