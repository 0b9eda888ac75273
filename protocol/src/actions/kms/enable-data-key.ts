/** EnableDataKey: a disabled one can be read again. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, memberAccount, members } from "../fields.ts";

export const enableDataKey = {
  service: "kms",
  version: services.kms.version,
  name: "EnableDataKey",
  summary: "Enables a disabled hosted data key.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyId: dataKeyId(), MemberAccount: v.optional(memberAccount()) }),
  output: noAnswer,
  errors: [
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type EnableDataKeyRequest = ActionRequest<typeof enableDataKey>;
export type EnableDataKeyInput = ActionInput<typeof enableDataKey>;
export type EnableDataKeyOutput = ActionOutput<typeof enableDataKey>;
