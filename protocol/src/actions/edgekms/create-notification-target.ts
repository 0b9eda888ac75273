/** CreateNotificationTarget: names somebody who is told of alarms. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members, oneOf, text } from "../fields.ts";
import { targetKinds } from "./fields.ts";

export const createNotificationTarget = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "CreateNotificationTarget",
  summary: "Names somebody who is told of the alarms of the account, in all regions.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    Kind: oneOf(
      "webhook: JSON, signed as Standard Webhooks say. wecom: a WeCom group robot. email: a mail address.",
      targetKinds,
    ),
    Address: text(
      "The https URL of the receiver or robot, at a public address unless the operator has allowed its host; or the mail address.",
      { maxBytes: 1024 },
    ),
  }),
  output: v.object({ TargetId: answerText("The id of the new target.") }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "LimitExceeded",
    "ResourceInUse",
    "UnauthorizedOperation",
    "UnsupportedOperation",
  ],
} as const satisfies ActionDefinition;

export type CreateNotificationTargetRequest = ActionRequest<typeof createNotificationTarget>;
export type CreateNotificationTargetInput = ActionInput<typeof createNotificationTarget>;
export type CreateNotificationTargetOutput = ActionOutput<typeof createNotificationTarget>;
