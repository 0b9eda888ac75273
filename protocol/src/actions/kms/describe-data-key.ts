/** DescribeDataKey: what there is to tell of a hosted data key. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { dataKeyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { dataKeyId, memberAccount, members } from "../fields.ts";

export const describeDataKey = {
  service: "kms",
  version: services.kms.version,
  name: "DescribeDataKey",
  summary: "Returns the metadata of a hosted data key.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({ DataKeyId: dataKeyId(), MemberAccount: v.optional(memberAccount()) }),
  output: v.object({ DataKeyMetadata: dataKeyMetadata }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidDataKeyId",
    "ResourceUnavailable.DataKeyNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeDataKeyRequest = ActionRequest<typeof describeDataKey>;
export type DescribeDataKeyInput = ActionInput<typeof describeDataKey>;
export type DescribeDataKeyOutput = ActionOutput<typeof describeDataKey>;
