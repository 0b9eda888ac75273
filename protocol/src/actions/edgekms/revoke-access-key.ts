/** RevokeAccessKey: makes an access key of the account useless, at every door, until it is restored. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members, secretId } from "../fields.ts";

export const revokeAccessKey = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RevokeAccessKey",
  summary: "Makes an access key of the account useless, at every door, until it is restored.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    SecretId: secretId(),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "ResourceNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation",
  ],
} as const satisfies ActionDefinition;

export type RevokeAccessKeyRequest = ActionRequest<typeof revokeAccessKey>;
export type RevokeAccessKeyInput = ActionInput<typeof revokeAccessKey>;
export type RevokeAccessKeyOutput = ActionOutput<typeof revokeAccessKey>;
