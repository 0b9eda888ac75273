/** GetServiceStatus: tells whether the service is on, its quotas and what is used of them. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean, answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { members } from "../fields.ts";

export const getServiceStatus = {
  service: "kms",
  version: services.kms.version,
  name: "GetServiceStatus",
  summary: "Tells whether the service is on, its quotas and what is used of them.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({}),
  output: v.object({
    ServiceEnabled: answerBoolean("Whether the service is on."),
    InvalidType: answerInteger("0: not bought. 1: normal. 2: stopped for arrears. 3: released."),
    UserLevel: answerInteger("0: standard, as here. 1: flagship."),
    ProExpireTime: v.optional(
      answerInteger("When the flagship edition ends, unix seconds; 0: there is none."),
    ),
    ProRenewFlag: v.optional(answerInteger("Whether it renews itself, 0 or 1.")),
    ProResourceId: v.optional(answerText("Its resource id.")),
    ExclusiveVSMEnabled: v.optional(answerBoolean("Whether there is a managed KMS.")),
    ExclusiveHSMEnabled: v.optional(answerBoolean("Whether there is an exclusive KMS.")),
    SubscriptionInfo: v.optional(answerText("What is subscribed.")),
    CmkUserCount: answerInteger("CMKs that count towards the quota."),
    CmkLimit: answerInteger("The quota of CMKs."),
    ExclusiveHSMList: v.optional(
      answerList(
        "Exclusive clusters.",
        v.object({ HsmClusterId: answerText("Its id."), HsmClusterName: answerText("Its name.") }),
      ),
    ),
    IsAllowedDataKeyHosted: v.optional(answerBoolean("Whether data keys can be hosted.")),
    DataKeyLimit: v.optional(answerInteger("The quota of hosted data keys.")),
    FreeDataKeyLimit: v.optional(answerInteger("The free part of it.")),
    DataKeyUsedCount: v.optional(answerInteger("Hosted data keys.")),
    SyncTaskList: v.optional(
      answerList(
        "Synchronised regions.",
        v.object({
          DestinationRegion: answerText("The region."),
          HsmClusterId: answerText("The cluster."),
        }),
      ),
    ),
    IsAllowedSync: v.optional(answerBoolean("Whether keys can be synchronised.")),
    QpsLimit: v.optional(answerInteger("Requests per second of this region; 0: no limit.")),
    QpsTotalLimit: v.optional(answerInteger("Requests per second of all regions; 0: no limit.")),
    RegionsQps: v.optional(
      answerList(
        "Requests per second by region; empty: no limits.",
        v.object({ Region: answerText("The region."), Qps: answerInteger("Its limit.") }),
      ),
    ),
    ResourceZone: v.optional(answerInteger("The zone of what was bought; 0: nothing was.")),
    ResourceRegion: v.optional(answerInteger("The region of what was bought; 0: nothing was.")),
  }),
  errors: ["UnauthorizedOperation", "UnsupportedOperation"],
} as const satisfies ActionDefinition;

export type GetServiceStatusRequest = ActionRequest<typeof getServiceStatus>;
export type GetServiceStatusInput = ActionInput<typeof getServiceStatus>;
export type GetServiceStatusOutput = ActionOutput<typeof getServiceStatus>;
