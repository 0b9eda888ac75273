/** GenerateRandom: returns random bytes. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { integer, members } from "../fields.ts";

export const generateRandom = {
  service: "kms",
  version: services.kms.version,
  name: "GenerateRandom",
  summary: "Returns random bytes.",
  kind: "read",
  plane: "data",
  granularity: "operation",
  input: members({
    NumberOfBytes: integer("How many bytes, 1 to 1024.", { min: 1, max: 1024 }),
  }),
  output: v.object({ Plaintext: answerText("Base64 of the bytes.") }),
  errors: ["InvalidParameter", "UnauthorizedOperation"],
} as const satisfies ActionDefinition;

export type GenerateRandomRequest = ActionRequest<typeof generateRandom>;
export type GenerateRandomInput = ActionInput<typeof generateRandom>;
export type GenerateRandomOutput = ActionOutput<typeof generateRandom>;
