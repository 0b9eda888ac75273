/** UpdateAlias. A key may be given the alias it has. */

import { kmsActions } from "@edge-kms/protocol";
import { updateKey } from "../../db/queries/keys.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { toAliasError } from "./create-key.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

export const updateAlias = controlAction(kmsActions.UpdateAlias, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    refuseMemberAccount(call, input.MemberAccount);
    try {
      await call.change(async (tx) => {
        const key = await requireKey(tx, call, input.KeyId);
        nextState(key, "rename");
        await updateKey(tx, key, { alias: input.Alias });
      });
    } catch (error) {
      throw toAliasError(error);
    }
    return {};
  },
});
