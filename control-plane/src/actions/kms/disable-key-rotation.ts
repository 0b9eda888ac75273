/** DisableKeyRotation. Repeating it succeeds; period and date stay in the metadata. */

import { kmsActions } from "@edge-kms/protocol";
import { updateKey } from "../../db/queries/keys.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

export const disableKeyRotation = controlAction(kmsActions.DisableKeyRotation, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      nextState(key, "disableRotation");
      await updateKey(tx, key, { rotationEnabled: false });
    });
    return {};
  },
});
