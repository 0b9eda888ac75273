/** RestoreKeyAtEdge. Repeating it succeeds and changes nothing; the epoch rises as with RestoreEdge. */

import { edgekmsActions } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { restoreKeyAtEdge as deleteRevocation } from "../../db/queries/edge-revocations.ts";
import { controlAction } from "../action.ts";
import { requireKey } from "../kms/find.ts";

export const restoreKeyAtEdge = controlAction(edgekmsActions.RestoreKeyAtEdge, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      const wasRevoked = await deleteRevocation(tx, key.keyId, input.EdgeId);
      if (wasRevoked) await raiseEpoch(tx, key.account);
    });
    return {};
  },
});
