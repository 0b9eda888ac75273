/** GetRegions: lists the regions of the service. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";

export const getRegions = {
  service: "kms",
  version: services.kms.version,
  name: "GetRegions",
  summary: "Lists the regions of the service.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({}),
  output: v.object({
    Regions: answerList("Names of regions.", answerText("Such as ap-guangzhou.")),
  }),
  errors: [],
} as const satisfies ActionDefinition;

export type GetRegionsRequest = ActionRequest<typeof getRegions>;
export type GetRegionsInput = ActionInput<typeof getRegions>;
export type GetRegionsOutput = ActionOutput<typeof getRegions>;
