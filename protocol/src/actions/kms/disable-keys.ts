/** DisableKeys: disables several CMKs, all or none. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { keyIds, memberAccount, members } from "../fields.ts";

export const disableKeys = {
  service: "kms",
  version: services.kms.version,
  name: "DisableKeys",
  summary: "Disables several CMKs, all or none.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyIds: keyIds(),
    MemberAccount: v.optional(memberAccount()),
  }),
  output: noAnswer,
  errors: [
    "FailedOperation.CmkUsedByCloudProduct",
    "InvalidParameter",
    "InvalidParameterValue.DuplicatedKeyId",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "ResourceUnavailable.CmkStateNotSupport",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotRoleOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type DisableKeysRequest = ActionRequest<typeof disableKeys>;
export type DisableKeysInput = ActionInput<typeof disableKeys>;
export type DisableKeysOutput = ActionOutput<typeof disableKeys>;
