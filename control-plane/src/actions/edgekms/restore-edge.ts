/**
 * RestoreEdge. Repeating it succeeds and changes nothing; of an edge that is not enrolled too, so that a name can be cleared
 * whatever the bridge says. The epoch rises here as well: refusals that edges remember end with it.
 */

import { edgekmsActions } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { restoreEdge as deleteRevocation } from "../../db/queries/edge-revocations.ts";
import { controlAction } from "../action.ts";

export const restoreEdge = controlAction(edgekmsActions.RestoreEdge, {
  isRegionless: true,
  async act(call, input) {
    const { account } = call.principal;
    await call.change(async (tx) => {
      const wasRevoked = await deleteRevocation(tx, account, input.EdgeId);
      if (wasRevoked) await raiseEpoch(tx, account);
    });
    return {};
  },
});
