/**
 * RotateKey. Answered when the rotation is written down; it follows at once, and after a failure by the job, until it has
 * happened. `keys/rotation.ts` has the order of events.
 */

import { randomUUID } from "node:crypto";
import { ApiError, kmsActions } from "@edge-kms/protocol";
import { type Key, updateKey } from "../../db/queries/keys.ts";
import {
  rotateClaimedKey,
  rotationObstacle,
  rotationPauseMs,
  rotationTimeMs,
} from "../../keys/rotation.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

export const rotateKey = controlAction(kmsActions.RotateKey, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    const { services, nowMs } = call;
    const rotationTaskId = randomUUID();
    const key = await call.change(async (tx) => {
      const found = await requireKey(tx, call, input.KeyId);
      checkRotatable(found, nowMs);
      await updateKey(tx, found, { rotationTaskId, rotatingUntilMs: nowMs + rotationTimeMs });
      return found;
    });
    services.background("rotate key", () => rotateClaimedKey(services, key, nowMs));
    return { TaskId: rotationTaskId };
  },
});

function checkRotatable(key: Key, nowMs: number): void {
  if (rotationObstacle(key) !== null) {
    throw new ApiError("UnsupportedOperation.RotateNotSupported");
  }
  nextState(key, "rotate");
  if (!key.rotationEnabled) throw new ApiError("UnsupportedOperation.RotateNotSupported");
  const isRunning = key.rotatingUntilMs !== null && key.rotatingUntilMs >= nowMs;
  if (key.rotationTaskId !== null || isRunning) {
    throw new ApiError("FailedOperation.RotateTaskRunning");
  }
  if (key.lastRotatedAtMs !== null && nowMs < key.lastRotatedAtMs + rotationPauseMs) {
    throw new ApiError("RequestLimitExceeded.RotateRateLimited");
  }
}
