/** DescribeKeyHolders: which edge instances hold a lease on a CMK now. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean, answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members, pageLimit, pageOffset } from "../fields.ts";

export const describeKeyHolders = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeKeyHolders",
  summary:
    "Lists the edge instances that hold a lease on a CMK now, and the edges at which it is revoked.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    Offset: pageOffset,
    Limit: pageLimit(),
  }),
  output: v.object({
    TotalCount: answerInteger("All holders, not the page."),
    Holders: answerList(
      "The page: one row per instance and branch key, those that end last first.",
      v.object({
        EdgeId: answerText("The edge."),
        InstanceId: answerText("Its instance."),
        Connected: answerBoolean(
          "Whether it answered on the connection it holds within the last 5 seconds.",
        ),
        Version: answerInteger("The version of the CMK."),
        BranchId: answerText("The branch key, 16 hexadecimal digits, as ciphertexts name it."),
        GrantedTime: answerInteger("When the newest lease was granted, unix seconds."),
        ExpireTime: answerInteger("When the last lease ends, unix seconds, rounded up."),
      }),
    ),
    RevokedAt: answerList(
      "Edges at which the CMK is revoked, by name.",
      v.object({
        EdgeId: answerText("The edge."),
        RevokedTime: answerInteger("Since when, unix seconds."),
      }),
    ),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
  ],
} as const satisfies ActionDefinition;

export type DescribeKeyHoldersRequest = ActionRequest<typeof describeKeyHolders>;
export type DescribeKeyHoldersInput = ActionInput<typeof describeKeyHolders>;
export type DescribeKeyHoldersOutput = ActionOutput<typeof describeKeyHolders>;
