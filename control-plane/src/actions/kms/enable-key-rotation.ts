/**
 * EnableKeyRotation. The first rotation comes RotateDays from now. Repeating it with the same period changes nothing, so that
 * whoever repeats it every day does not put the rotation off for ever.
 */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { updateKey } from "../../db/queries/keys.ts";
import { dayMs } from "../../keys/metadata.ts";
import { rotationObstacle } from "../../keys/rotation.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

export const enableKeyRotation = controlAction(kmsActions.EnableKeyRotation, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      const obstacle = rotationObstacle(key);
      if (obstacle === "imported") {
        throw new ApiError("UnsupportedOperation.ExternalCmkCanNotRotate");
      }
      if (obstacle !== null) throw new ApiError("UnsupportedOperation.RotateNotSupported");
      nextState(key, "enableRotation");
      const { RotateDays: rotateDays } = input;
      if (key.rotationEnabled && key.rotateDays === rotateDays) return;
      const nextRotateAtMs = call.nowMs + rotateDays * dayMs;
      await updateKey(tx, key, { rotationEnabled: true, rotateDays, nextRotateAtMs });
    });
    return {};
  },
});
