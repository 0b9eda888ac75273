/** RestoreKeyAtEdge: lets an edge use a CMK again. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, keyId, members } from "../fields.ts";

export const restoreKeyAtEdge = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RestoreKeyAtEdge",
  summary: "Lets an edge use a CMK again.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    EdgeId: edgeId(),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type RestoreKeyAtEdgeRequest = ActionRequest<typeof restoreKeyAtEdge>;
export type RestoreKeyAtEdgeInput = ActionInput<typeof restoreKeyAtEdge>;
export type RestoreKeyAtEdgeOutput = ActionOutput<typeof restoreKeyAtEdge>;
