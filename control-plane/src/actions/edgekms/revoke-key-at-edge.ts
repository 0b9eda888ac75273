/** RevokeKeyAtEdge. Repeating it succeeds and changes nothing. */

import { edgekmsActions } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { revokeKeyAtEdge as insertRevocation } from "../../db/queries/edge-revocations.ts";
import { controlAction } from "../action.ts";
import { requireKey } from "../kms/find.ts";
import { requireEdge } from "./find.ts";

export const revokeKeyAtEdge = controlAction(edgekmsActions.RevokeKeyAtEdge, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await requireEdge(call, input.EdgeId);
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      const isNew = await insertRevocation(tx, key, input.EdgeId, call.nowMs);
      if (isNew) await raiseEpoch(tx, key.account);
    });
    return {};
  },
});
