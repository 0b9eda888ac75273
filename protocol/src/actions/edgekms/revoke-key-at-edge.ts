/** RevokeKeyAtEdge: takes a CMK away from one edge: no lease, no proxied operation, and present leases are void. */

import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, keyId, members } from "../fields.ts";

export const revokeKeyAtEdge = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "RevokeKeyAtEdge",
  summary:
    "Takes a CMK away from one edge: no lease, no proxied operation, and present leases are void.",
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
    "ResourceNotFound",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type RevokeKeyAtEdgeRequest = ActionRequest<typeof revokeKeyAtEdge>;
export type RevokeKeyAtEdgeInput = ActionInput<typeof revokeKeyAtEdge>;
export type RevokeKeyAtEdgeOutput = ActionOutput<typeof revokeKeyAtEdge>;
