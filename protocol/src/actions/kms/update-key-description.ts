/** UpdateKeyDescription: changes the description of a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyDescription, keyId, memberAccount, members } from "../fields.ts";

export const updateKeyDescription = {
  service: "kms",
  version: services.kms.version,
  name: "UpdateKeyDescription",
  summary: "Changes the description of a CMK.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    Description: keyDescription("The new description; up to 1024 bytes of UTF-8, may be empty."),
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type UpdateKeyDescriptionRequest = ActionRequest<typeof updateKeyDescription>;
export type UpdateKeyDescriptionInput = ActionInput<typeof updateKeyDescription>;
export type UpdateKeyDescriptionOutput = ActionOutput<typeof updateKeyDescription>;
