/** BindCloudResource. Repeating it succeeds and changes nothing. A key in use does not expire (contract §3.6). */

import { kmsActions } from "@edge-kms/protocol";
import { insertBinding } from "../../db/queries/cloud-bindings.ts";
import { updateKey } from "../../db/queries/keys.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { requireKey } from "./find.ts";
import { refuseWhileMaterialGoes } from "./material-step.ts";

export const bindCloudResource = controlAction(kmsActions.BindCloudResource, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      nextState(key, "bind");
      refuseWhileMaterialGoes(key, { ...key, isBound: true });
      const { keyId, account } = key;
      const { ProductId: productId, ResourceId: resourceId } = input;
      await insertBinding(tx, { keyId, productId, resourceId, account, createdAtMs: call.nowMs });
      if (key.validToMs !== null) await updateKey(tx, key, { validToMs: null });
    });
    return {};
  },
});
