/** ListDataKeyDetail: hosted data keys with their metadata, filtered. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerInteger, answerList, dataKeyMetadata } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import {
  hsmClusterId,
  integer,
  keyIdOrEmpty,
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

export const listDataKeyDetail = {
  service: "kms",
  version: services.kms.version,
  name: "ListDataKeyDetail",
  summary: "Lists hosted data keys with their metadata, filtered.",
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
      integer("0 all (default), 1 Enabled, 2 Disabled, 3 PendingDelete.", { max: 3 }),
      0,
    ),
    SearchKeyAlias: v.optional(
      text("A part of the DataKeyId or the DataKeyName.", { maxBytes: 256 }),
      "",
    ),
    Origin: v.optional(
      oneOf("TENCENT_KMS or EXTERNAL; ALL or empty for both.", ["", "ALL", ...keyOrigins]),
      "",
    ),
    HsmClusterId: v.optional(hsmClusterId({ isFilter: true })),
    KeyId: v.optional(keyIdOrEmpty("Data keys under this CMK only."), ""),
    DataKeyLen: v.optional(
      integer("Data keys of this many bytes only; 0: of any.", { max: 1024 }),
      0,
    ),
    TagFilters: v.optional(tagFilters()),
    MemberAccounts: v.optional(
      list(
        "Member accounts of an organisation. There are none here: any but the own account is `NotRoleOperation`.",
        memberAccount(),
      ),
    ),
  }),
  output: v.object({
    DataKeyMetadatas: answerList("The page.", dataKeyMetadata),
    TotalCount: answerInteger("All matches, not the page."),
  }),
  errors: [
    "AuthFailure.UnauthorizedOperation",
    "InvalidParameter",
    "InvalidParameterValue.InvalidHsmClusterId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
  ],
} as const satisfies ActionDefinition;

export type ListDataKeyDetailRequest = ActionRequest<typeof listDataKeyDetail>;
export type ListDataKeyDetailInput = ActionInput<typeof listDataKeyDetail>;
export type ListDataKeyDetailOutput = ActionOutput<typeof listDataKeyDetail>;
