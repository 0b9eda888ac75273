/** UpdateKeyDescription. */

import { kmsActions } from "@edge-kms/protocol";
import { updateKey } from "../../db/queries/keys.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

export const updateKeyDescription = controlAction(kmsActions.UpdateKeyDescription, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      nextState(key, "rename");
      await updateKey(tx, key, { description: input.Description });
    });
    return {};
  },
});
