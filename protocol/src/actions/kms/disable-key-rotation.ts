/** DisableKeyRotation: a CMK no longer rotates by itself. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const disableKeyRotation = {
  service: "kms",
  version: services.kms.version,
  name: "DisableKeyRotation",
  summary: "Stops the rotation of a CMK; its versions stay.",
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
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DisableKeyRotationRequest = ActionRequest<typeof disableKeyRotation>;
export type DisableKeyRotationInput = ActionInput<typeof disableKeyRotation>;
export type DisableKeyRotationOutput = ActionOutput<typeof disableKeyRotation>;
