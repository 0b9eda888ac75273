/** EnableKeyRotation: lets a CMK rotate by itself. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { integer, keyId, memberAccount, members } from "../fields.ts";

export const enableKeyRotation = {
  service: "kms",
  version: services.kms.version,
  name: "EnableKeyRotation",
  summary: "Lets a CMK rotate by itself, every RotateDays days.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    RotateDays: v.optional(
      integer("Days from one rotation to the next, 7 to 365; 365 by default.", {
        min: 7,
        max: 365,
        code: "InvalidParameterValue",
      }),
      365,
    ),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.ExternalCmkCanNotRotate",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.RotateNotSupported",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type EnableKeyRotationRequest = ActionRequest<typeof enableKeyRotation>;
export type EnableKeyRotationInput = ActionInput<typeof enableKeyRotation>;
export type EnableKeyRotationOutput = ActionOutput<typeof enableKeyRotation>;
