/** EnableKey: enables a disabled CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const enableKey = {
  service: "kms",
  version: services.kms.version,
  name: "EnableKey",
  summary: "Enables a disabled CMK.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
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

export type EnableKeyRequest = ActionRequest<typeof enableKey>;
export type EnableKeyInput = ActionInput<typeof enableKey>;
export type EnableKeyOutput = ActionOutput<typeof enableKey>;
