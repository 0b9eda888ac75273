/** CancelKeyArchive: an archived CMK encrypts again. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const cancelKeyArchive = {
  service: "kms",
  version: services.kms.version,
  name: "CancelKeyArchive",
  summary: "Enables an archived CMK again.",
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

export type CancelKeyArchiveRequest = ActionRequest<typeof cancelKeyArchive>;
export type CancelKeyArchiveInput = ActionInput<typeof cancelKeyArchive>;
export type CancelKeyArchiveOutput = ActionOutput<typeof cancelKeyArchive>;
