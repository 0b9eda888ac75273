/** DescribeKeyEdgeSettings: tells how edges may use a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean, answerInteger, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members } from "../fields.ts";

export const describeKeyEdgeSettings = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeKeyEdgeSettings",
  summary: "Tells how edges may use a CMK.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
  }),
  output: v.object({
    EdgeMode: answerText("lease, proxy or deny."),
    LeaseRefreshSeconds: answerInteger("After how long an edge asks for a fresh lease."),
    LeaseExpirySeconds: answerInteger("After how long a lease is over."),
    IsDefault: answerBoolean("Whether the lease times are those of the configuration."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeKeyEdgeSettingsRequest = ActionRequest<typeof describeKeyEdgeSettings>;
export type DescribeKeyEdgeSettingsInput = ActionInput<typeof describeKeyEdgeSettings>;
export type DescribeKeyEdgeSettingsOutput = ActionOutput<typeof describeKeyEdgeSettings>;
