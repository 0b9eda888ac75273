/** ListKeyDetail: lists CMKs with their metadata, filtered. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, keyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  hsmClusterId,
  integer,
  keyOrigins,
  list,
  listRole,
  memberAccount,
  members,
  oneOf,
  pageLimit,
  pageOffset,
  tagFilters,
  text,
} from "../fields.ts";

export const listKeyDetail = {
  service: "kms",
  version: services.kms.version,
  name: "ListKeyDetail",
  summary: "Lists CMKs with their metadata, filtered.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({
    Offset: pageOffset,
    Limit: pageLimit(),
    Role: listRole(),
    OrderType: v.optional(
      integer("By CreateTime: 0 descending (default), 1 ascending.", { max: 1 }),
      0,
    ),
    KeyState: v.optional(
      integer(
        "0 all (default), 1 Enabled, 2 Disabled, 3 PendingDelete, 4 PendingImport, 5 Archived.",
        { max: 5 },
      ),
      0,
    ),
    SearchKeyAlias: v.optional(text("A part of the KeyId or the alias.", { maxBytes: 256 }), ""),
    Origin: v.optional(
      oneOf("TENCENT_KMS or EXTERNAL; ALL or empty for both.", ["", "ALL", ...keyOrigins]),
      "",
    ),
    KeyUsage: v.optional(
      text("One usage, or ALL; empty: ENCRYPT_DECRYPT only.", { maxBytes: 64 }),
      "",
    ),
    TagFilters: v.optional(tagFilters()),
    HsmClusterId: v.optional(hsmClusterId({ isFilter: true })),
    MemberAccounts: v.optional(
      list(
        "Member accounts of an organisation. There are none here: any but the own account is `NotRoleOperation`.",
        memberAccount(),
      ),
    ),
  }),
  output: v.object({
    TotalCount: answerInteger("All matches, not the page."),
    KeyMetadatas: answerList("The page.", keyMetadata),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue.InvalidHsmClusterId",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type ListKeyDetailRequest = ActionRequest<typeof listKeyDetail>;
export type ListKeyDetailInput = ActionInput<typeof listKeyDetail>;
export type ListKeyDetailOutput = ActionOutput<typeof listKeyDetail>;
