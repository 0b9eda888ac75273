/** EnableKeys: enables several CMKs, all or none. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyIds, memberAccount, members } from "../fields.ts";

export const enableKeys = {
  service: "kms",
  version: services.kms.version,
  name: "EnableKeys",
  summary: "Enables several CMKs, all or none.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyIds: keyIds(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.DuplicatedKeyId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type EnableKeysRequest = ActionRequest<typeof enableKeys>;
export type EnableKeysInput = ActionInput<typeof enableKeys>;
export type EnableKeysOutput = ActionOutput<typeof enableKeys>;
