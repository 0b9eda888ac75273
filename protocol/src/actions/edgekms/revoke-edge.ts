/** RevokeEdge: takes everything of this account away from one edge. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, members } from "../fields.ts";

export const revokeEdge = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RevokeEdge",
  summary: "Takes everything of this account away from one edge.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    EdgeId: edgeId(),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "ResourceNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type RevokeEdgeRequest = ActionRequest<typeof revokeEdge>;
export type RevokeEdgeInput = ActionInput<typeof revokeEdge>;
export type RevokeEdgeOutput = ActionOutput<typeof revokeEdge>;
