/** DescribeKeys: returns the metadata of several CMKs. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerList, keyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyIds, memberAccount, members } from "../fields.ts";

export const describeKeys = {
  service: "kms",
  version: services.kms.version,
  name: "DescribeKeys",
  summary: "Returns the metadata of several CMKs.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyIds: keyIds(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: v.object({ KeyMetadatas: answerList("One for each id.", keyMetadata) }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.DuplicatedKeyId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeKeysRequest = ActionRequest<typeof describeKeys>;
export type DescribeKeysInput = ActionInput<typeof describeKeys>;
export type DescribeKeysOutput = ActionOutput<typeof describeKeys>;
