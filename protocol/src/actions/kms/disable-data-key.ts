/** DisableDataKey: it can no longer be read. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, memberAccount, members } from "../fields.ts";

export const disableDataKey = {
  service: "kms",
  version: services.kms.version,
  name: "DisableDataKey",
  summary: "Disables a hosted data key: it can then not be read.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyId: dataKeyId(), MemberAccount: v.optional(memberAccount()) }),
  output: noAnswer,
  errors: [
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "ResourceUnavailable.DataKeyStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DisableDataKeyRequest = ActionRequest<typeof disableDataKey>;
export type DisableDataKeyInput = ActionInput<typeof disableDataKey>;
export type DisableDataKeyOutput = ActionOutput<typeof disableDataKey>;
