/** GetKeyRotationStatus: tells whether a CMK rotates by itself. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const getKeyRotationStatus = {
  service: "kms",
  version: services.kms.version,
  name: "GetKeyRotationStatus",
  summary: "Tells whether a CMK rotates by itself.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({ KeyRotationEnabled: answerBoolean("Whether it rotates by itself.") }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type GetKeyRotationStatusRequest = ActionRequest<typeof getKeyRotationStatus>;
export type GetKeyRotationStatusInput = ActionInput<typeof getKeyRotationStatus>;
export type GetKeyRotationStatusOutput = ActionOutput<typeof getKeyRotationStatus>;
