/** DescribeKey: returns the metadata of a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { keyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, memberAccount, members } from "../fields.ts";

export const describeKey = {
  service: "kms",
  version: services.kms.version,
  name: "DescribeKey",
  summary: "Returns the metadata of a CMK.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({ KeyMetadata: keyMetadata }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeKeyRequest = ActionRequest<typeof describeKey>;
export type DescribeKeyInput = ActionInput<typeof describeKey>;
export type DescribeKeyOutput = ActionOutput<typeof describeKey>;
