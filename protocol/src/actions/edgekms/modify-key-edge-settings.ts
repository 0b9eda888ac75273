/** ModifyKeyEdgeSettings: sets how edges may use a CMK. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { noAnswer } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { boolean, integer, keyId, members, oneOf } from "../fields.ts";

export const edgeModes = ["lease", "proxy", "deny"] as const;

/** The longest that a lease may live, of whichever key (design §2 P2). */
export const maxLeaseSeconds = 900;

const leaseSeconds = (what: string) =>
  integer(`${what}, in seconds after it was granted; 0 to ${maxLeaseSeconds}.`, {
    max: maxLeaseSeconds,
    code: "InvalidParameterValue",
  });

export const modifyKeyEdgeSettings = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "ModifyKeyEdgeSettings",
  summary: "Sets how edges may use a CMK; present leases on it are void.",
  kind: "write",
  plane: "control",
  granularity: "resource",
  input: members({
    KeyId: keyId(),
    EdgeMode: v.optional(
      oneOf(
        "lease: edges lease branch keys. proxy: every operation runs in the bridge. deny: edges serve none.",
        edgeModes,
        "InvalidParameterValue",
      ),
    ),
    LeaseRefreshSeconds: v.optional(leaseSeconds("When an edge asks for a fresh lease")),
    LeaseExpirySeconds: v.optional(
      leaseSeconds("When a lease is over (0: there is none, as with proxy)"),
    ),
    DefaultLeaseTimes: v.optional(
      boolean("True: the lease times of the configuration, instead of times of its own."),
      false,
    ),
  }),
  output: noAnswer,
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterValue.InvalidKeyId",
    "ResourceUnavailable.CmkNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation.NotUserCreatedCmk",
  ],
} as const satisfies ActionDefinition;

export type ModifyKeyEdgeSettingsRequest = ActionRequest<typeof modifyKeyEdgeSettings>;
export type ModifyKeyEdgeSettingsInput = ActionInput<typeof modifyKeyEdgeSettings>;
export type ModifyKeyEdgeSettingsOutput = ActionOutput<typeof modifyKeyEdgeSettings>;
