/** UpdateAlias: renames a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { alias, keyId, memberAccount, members } from "../fields.ts";

export const updateAlias = {
  service: "kms",
  version: services.kms.version,
  name: "UpdateAlias",
  summary: "Renames a CMK.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    Alias: alias("The new alias."),
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.AliasAlreadyExists",
    "InvalidParameterValue.InvalidAlias",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type UpdateAliasRequest = ActionRequest<typeof updateAlias>;
export type UpdateAliasInput = ActionInput<typeof updateAlias>;
export type UpdateAliasOutput = ActionOutput<typeof updateAlias>;
