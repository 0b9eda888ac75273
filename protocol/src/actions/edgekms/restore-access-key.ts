/** RestoreAccessKey: makes a revoked access key valid again. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members, secretId } from "../fields.ts";

export const restoreAccessKey = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RestoreAccessKey",
  summary: "Makes a revoked access key valid again.",
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
  ],
} as const satisfies ActionDefinition;

export type RestoreAccessKeyRequest = ActionRequest<typeof restoreAccessKey>;
export type RestoreAccessKeyInput = ActionInput<typeof restoreAccessKey>;
export type RestoreAccessKeyOutput = ActionOutput<typeof restoreAccessKey>;
