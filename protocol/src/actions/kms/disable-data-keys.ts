/** DisableDataKeys: all of them or none. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyIds, memberAccount, members } from "../fields.ts";

export const disableDataKeys = {
  service: "kms",
  version: services.kms.version,
  name: "DisableDataKeys",
  summary: "Disables several hosted data keys, all or none.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyIds: dataKeyIds(), MemberAccount: v.optional(memberAccount()) }),
  output: noAnswer,
  errors: [
    "InvalidParameterValue",
    "InvalidParameterValue.DuplicatedDataKeyId",
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DisableDataKeysRequest = ActionRequest<typeof disableDataKeys>;
export type DisableDataKeysInput = ActionInput<typeof disableDataKeys>;
export type DisableDataKeysOutput = ActionOutput<typeof disableDataKeys>;
