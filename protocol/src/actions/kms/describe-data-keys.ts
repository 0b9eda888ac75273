/** DescribeDataKeys: what there is to tell of several hosted data keys. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerList, dataKeyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyIds, memberAccount, members } from "../fields.ts";

export const describeDataKeys = {
  service: "kms",
  version: services.kms.version,
  name: "DescribeDataKeys",
  summary: "Returns the metadata of several hosted data keys.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyIds: dataKeyIds(), MemberAccount: v.optional(memberAccount()) }),
  output: v.object({ DataKeyMetadatas: answerList("In the order asked for.", dataKeyMetadata) }),
  errors: [
    "InvalidParameterValue",
    "InvalidParameterValue.DuplicatedDataKeyId",
    "InvalidParameterValue.InvalidDataKeyId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeDataKeysRequest = ActionRequest<typeof describeDataKeys>;
export type DescribeDataKeysInput = ActionInput<typeof describeDataKeys>;
export type DescribeDataKeysOutput = ActionOutput<typeof describeDataKeys>;
