/** RevokeEdge. Repeating it succeeds and changes nothing. The edge may still deliver audit records, and hears of epochs. */

import { edgekmsActions } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { revokeEdge as insertRevocation } from "../../db/queries/edge-revocations.ts";
import { controlAction } from "../action.ts";
import { requireEdge } from "./find.ts";

export const revokeEdge = controlAction(edgekmsActions.RevokeEdge, {
  isRegionless: true,
  async act(call, input) {
    await requireEdge(call, input.EdgeId);
    const { account } = call.principal;
    await call.change(async (tx) => {
      const isNew = await insertRevocation(tx, account, input.EdgeId, call.nowMs);
      if (isNew) await raiseEpoch(tx, account);
    });
    return {};
  },
});
