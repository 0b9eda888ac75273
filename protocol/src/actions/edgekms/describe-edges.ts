/** DescribeEdges: lists the edges enrolled for the account. */

import * as v from "valibot";
import { services } from "../../services.ts";
import { answerBoolean, answerInteger, answerList, answerText } from "../answers.ts";
import type { ActionDefinition, ActionInput, ActionOutput, ActionRequest } from "../definition.ts";
import { edgeId, members, pageLimit, pageOffset } from "../fields.ts";

/** One incarnation of an edge: gone for ever when its process ends. */
const instanceDescription = v.object({
  InstanceId: answerText("Its id, 32 hexadecimal digits."),
  Connected: answerBoolean(
    "Whether it answered on the connection it holds within the last 5 seconds.",
  ),
  FirstHeardTime: answerInteger("When it was first heard, unix seconds."),
  LastHeardTime: answerInteger("When it was last heard, unix seconds."),
  LeasesEndTime: answerInteger(
    "When its last lease for this account is over, unix seconds, at most a minute too late; 0 when it never had one.",
  ),
  StoredSequence: answerInteger("The last of its audit records that is stored here."),
  ReportedSequence: answerInteger("The last audit record that it said to have written."),
  Settled: answerBoolean("Whether it is gone and all of its records are known to be stored."),
  UnaccountedAtMost: answerInteger(
    "Answered calls of this account whose records may be missing; 0 while it is connected.",
  ),
});

const edgeDescription = v.object({
  EdgeId: answerText("Its name at enrolment."),
  Group: answerText("Its edge group."),
  Regions: answerList("The regions it may serve.", answerText("A region.")),
  EnrolledTime: answerInteger("When the bridge enrolled it, unix seconds."),
  Revoked: answerBoolean("Whether it is revoked for this account."),
  RevokedTime: answerInteger("Since when, unix seconds; 0 when it is not."),
  Frozen: answerBoolean("Whether an operator froze it at the bridge."),
  Connected: answerBoolean("Whether an instance of it is connected."),
  LastHeardTime: answerInteger("When one was last heard, unix seconds; 0 for never."),
  LeasedKeys: answerInteger("CMKs of this account that it holds a lease on now."),
  RevokedKeys: answerInteger("CMKs of this account that are revoked at it."),
  LastAuditSequence: answerInteger(
    "The last stored audit record of the instance that was heard last; 0 for none.",
  ),
  UnaccountedAtMost: answerInteger(
    "Answered calls of this account whose records may be missing, over all instances that are gone.",
  ),
  Instances: answerList(
    "Instances that are there, were heard within a day, or are not accounted for; newest first, 100 at most.",
    instanceDescription,
  ),
});

export const describeEdges = {
  service: "edgekms",
  version: services.edgekms.version,
  name: "DescribeEdges",
  summary:
    "Lists the edges enrolled for the account: what they are, whether they are there, what they hold and what they owe.",
  kind: "read",
  plane: "control",
  granularity: "operation",
  input: members({
    EdgeId: v.optional(edgeId("Only this edge.")),
    Offset: pageOffset,
    Limit: pageLimit(),
  }),
  output: v.object({
    TotalCount: answerInteger("All matches, not the page."),
    Edges: answerList("The page, by name.", edgeDescription),
  }),
  errors: [
    "InvalidParameter",
    "InvalidParameterValue",
    "UnauthorizedOperation",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
  ],
} as const satisfies ActionDefinition;

export type DescribeEdgesRequest = ActionRequest<typeof describeEdges>;
export type DescribeEdgesInput = ActionInput<typeof describeEdges>;
export type DescribeEdgesOutput = ActionOutput<typeof describeEdges>;
