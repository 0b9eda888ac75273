/** RestoreEdge: lets an edge serve this account again. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, members } from "../fields.ts";

export const restoreEdge = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RestoreEdge",
  summary: "Lets an edge serve this account again.",
  kind: "write",
  plane: "control",
  granularity: "operation",
  input: members({
    EdgeId: edgeId(),
  }),
  output: noAnswer,
  errors: ["InvalidParameter", "InvalidParameterValue", "UnauthorizedOperation"],
} as const satisfies ActionDefinition;

export type RestoreEdgeRequest = ActionRequest<typeof restoreEdge>;
export type RestoreEdgeInput = ActionInput<typeof restoreEdge>;
export type RestoreEdgeOutput = ActionOutput<typeof restoreEdge>;
