/** ArchiveKey: a CMK then decrypts only. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const archiveKey = {
  service: "kms",
  version: services.kms.version,
  name: "ArchiveKey",
  summary: "Archives a CMK: it then decrypts and no longer encrypts.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "FailedOperation.CmkUsedByCloudProduct",
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

export type ArchiveKeyRequest = ActionRequest<typeof archiveKey>;
export type ArchiveKeyInput = ActionInput<typeof archiveKey>;
export type ArchiveKeyOutput = ActionOutput<typeof archiveKey>;
