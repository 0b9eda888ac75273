/** RotateKey: rotates a CMK now. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const rotateKey = {
  service: "kms",
  version: services.kms.version,
  name: "RotateKey",
  summary: "Rotates a CMK now; DescribeKey tells when it has happened.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({ TaskId: answerText("The id of the rotation, a UUID.") }),
  errors: [
    "FailedOperation.RotateTaskRunning",
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "RequestLimitExceeded.RotateRateLimited",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.RotateNotSupported",
  ],
} as const satisfies ActionDefinition;

export type RotateKeyRequest = ActionRequest<typeof rotateKey>;
export type RotateKeyInput = ActionInput<typeof rotateKey>;
export type RotateKeyOutput = ActionOutput<typeof rotateKey>;
