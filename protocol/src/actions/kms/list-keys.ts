/** ListKeys: lists the ids of CMKs that are Enabled, Disabled or PendingImport. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { hsmClusterId, listRole, members, pageLimit, pageOffset } from "../fields.ts";

export const listKeys = {
  service: "kms",
  version: services.kms.version,
  name: "ListKeys",
  summary: "Lists the ids of CMKs that are Enabled, Disabled or PendingImport.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({
    Offset: pageOffset,
    Limit: pageLimit(),
    Role: listRole(),
    HsmClusterId: v.optional(hsmClusterId({ isFilter: true })),
  }),
  output: v.object({
    Keys: answerList("The page.", v.object({ KeyId: answerText("The id of a CMK.") })),
    TotalCount: answerInteger("All matches, not the page."),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidHsmClusterId",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type ListKeysRequest = ActionRequest<typeof listKeys>;
export type ListKeysInput = ActionInput<typeof listKeys>;
export type ListKeysOutput = ActionOutput<typeof listKeys>;
