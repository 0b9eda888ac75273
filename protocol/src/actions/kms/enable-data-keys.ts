/** EnableDataKeys: all of them or none. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyIds, memberAccount, members } from "../fields.ts";

export const enableDataKeys = {
  service: "kms",
  version: services.kms.version,
  name: "EnableDataKeys",
  summary: "Enables several hosted data keys, all or none.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyIds: dataKeyIds(), MemberAccount: v.optional(memberAccount()) }),
  output: noAnswer,
  errors: [
    "InvalidParameterValue",
    "InvalidParameterValue.DuplicatedDataKeyId",
    "InvalidParameterValue.InvalidDataKeyId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type EnableDataKeysRequest = ActionRequest<typeof enableDataKeys>;
export type EnableDataKeysInput = ActionInput<typeof enableDataKeys>;
export type EnableDataKeysOutput = ActionOutput<typeof enableDataKeys>;
