/** AcceptUnaccounted: writes a lost edge instance off: what it may not have recorded is no longer counted. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, instanceId, members } from "../fields.ts";

export const acceptUnaccounted = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "AcceptUnaccounted",
  summary: "Writes a lost edge instance off: what it may not have recorded is no longer counted.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    EdgeId: edgeId(),
    InstanceId: instanceId("An instance that is not connected, and whose leases are over."),
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

export type AcceptUnaccountedRequest = ActionRequest<typeof acceptUnaccounted>;
export type AcceptUnaccountedInput = ActionInput<typeof acceptUnaccounted>;
export type AcceptUnaccountedOutput = ActionOutput<typeof acceptUnaccounted>;
