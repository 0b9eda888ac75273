/** UpdateDataKeyName: renames a hosted data key. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, dataKeyName, memberAccount, members } from "../fields.ts";

export const updateDataKeyName = {
  service: "kms",
  version: services.kms.version,
  name: "UpdateDataKeyName",
  summary: "Renames a hosted data key.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    DataKeyId: dataKeyId(),
    DataKeyName: dataKeyName("The new name."),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.DataKeyNameAlreadyExists",
    "InvalidParameterValue.InvalidDataKeyId",
    "InvalidParameterValue.InvalidDataKeyName",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type UpdateDataKeyNameRequest = ActionRequest<typeof updateDataKeyName>;
export type UpdateDataKeyNameInput = ActionInput<typeof updateDataKeyName>;
export type UpdateDataKeyNameOutput = ActionOutput<typeof updateDataKeyName>;
