/** ListDataKeys: ids of hosted data keys. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { hsmClusterId, listRole, members, pageLimit, pageOffset } from "../fields.ts";

export const listDataKeys = {
  service: "kms",
  version: services.kms.version,
  name: "ListDataKeys",
  summary: "Lists the ids of hosted data keys.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({
    Offset: pageOffset,
    Limit: pageLimit("InvalidParameterValue"),
    Role: listRole("InvalidParameterValue"),
    HsmClusterId: v.optional(hsmClusterId({ isFilter: true })),
  }),
  output: v.object({
    DataKeys: answerList("The page, newest first.", v.object({ DataKeyId: answerText("The id.") })),
    TotalCount: answerInteger("All matches, not the page."),
  }),
  errors: [
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidHsmClusterId",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type ListDataKeysRequest = ActionRequest<typeof listDataKeys>;
export type ListDataKeysInput = ActionInput<typeof listDataKeys>;
export type ListDataKeysOutput = ActionOutput<typeof listDataKeys>;
