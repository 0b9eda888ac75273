/** UpdateDataKeyDescription: describes a hosted data key anew. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyDescription, dataKeyId, memberAccount, members } from "../fields.ts";

export const updateDataKeyDescription = {
  service: "kms",
  version: services.kms.version,
  name: "UpdateDataKeyDescription",
  summary: "Changes the description of a hosted data key.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    DataKeyId: dataKeyId(),
    Description: dataKeyDescription(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidDataKeyId",
    "InvalidParameterValue.InvalidDataKeyName",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type UpdateDataKeyDescriptionRequest = ActionRequest<typeof updateDataKeyDescription>;
export type UpdateDataKeyDescriptionInput = ActionInput<typeof updateDataKeyDescription>;
export type UpdateDataKeyDescriptionOutput = ActionOutput<typeof updateDataKeyDescription>;
