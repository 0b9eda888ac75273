/** DisableKey: disables a CMK: it then neither encrypts nor decrypts. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const disableKey = {
  service: "kms",
  version: services.kms.version,
  name: "DisableKey",
  summary: "Disables a CMK: it then neither encrypts nor decrypts.",
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
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type DisableKeyRequest = ActionRequest<typeof disableKey>;
export type DisableKeyInput = ActionInput<typeof disableKey>;
export type DisableKeyOutput = ActionOutput<typeof disableKey>;
