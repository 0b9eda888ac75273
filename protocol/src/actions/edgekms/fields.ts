/** Fields that actions of the service edgekms share. */

import * as v from "valibot";
import { rule, text } from "../fields.ts";

export const alarmKinds = ["UseOfKeyPendingDeletion", "DeletionApproaching"] as const;

export const targetKinds = ["webhook", "wecom", "email"] as const;

export function targetId() {
  return v.pipe(
    text("The id of the target, a UUID.", { maxBytes: 64 }),
    v.uuid(rule("InvalidParameterValue", "must be the id of a target")),
  );
}
