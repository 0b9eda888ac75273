/** ListAlgorithms: lists the key usages of the region, with their algorithms. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { algorithmInfo, answerList } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";

export const listAlgorithms = {
  service: "kms",
  version: services.kms.version,
  name: "ListAlgorithms",
  summary: "Lists the key usages of the region, with their algorithms.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({}),
  output: v.object({
    SymmetricAlgorithms: answerList("For encryption and decryption.", algorithmInfo),
    AsymmetricAlgorithms: answerList("For asymmetric decryption.", algorithmInfo),
    AsymmetricSignVerifyAlgorithms: answerList("For signatures.", algorithmInfo),
  }),
  errors: ["UnauthorizedOperation"],
} as const satisfies ActionDefinition;

export type ListAlgorithmsRequest = ActionRequest<typeof listAlgorithms>;
export type ListAlgorithmsInput = ActionInput<typeof listAlgorithms>;
export type ListAlgorithmsOutput = ActionOutput<typeof listAlgorithms>;
