/** DescribeKeyUsage: what audit records tell of the use of a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyId, members, pageLimit, pageOffset } from "../fields.ts";

export const describeKeyUsage = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeKeyUsage",
  summary:
    "Tells when a CMK was last used, and how many messages were encrypted with each of its branch keys.",
  kind: "read",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    Offset: pageOffset,
    Limit: pageLimit(),
  }),
  output: v.object({
    LastUsedTime: answerInteger(
      "When an answered call last used it, unix seconds; 0 for never. Edges deliver their records within moments; one that is cut off, later.",
    ),
    MessagesEncrypted: answerInteger("Messages encrypted with all of its branch keys."),
    TotalCount: answerInteger("All branch keys that were used, not the page."),
    Branches: answerList(
      "The page: branch keys of the newest version first, the last used before the others. Asymmetric CMKs have none.",
      v.object({
        Version: answerInteger("The version of the CMK."),
        BranchId: answerText("The branch key, 16 hexadecimal digits, as ciphertexts name it."),
        MessagesEncrypted: answerInteger("Answered calls that encrypted with it."),
        LastUsedTime: answerInteger("When it was last used, to decrypt too, unix seconds."),
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

export type DescribeKeyUsageRequest = ActionRequest<typeof describeKeyUsage>;
export type DescribeKeyUsageInput = ActionInput<typeof describeKeyUsage>;
export type DescribeKeyUsageOutput = ActionOutput<typeof describeKeyUsage>;
