/** UnbindCloudResource. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { removeBinding } from "../../db/queries/cloud-bindings.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import { requireKey } from "./find.ts";

export const unbindCloudResource = controlAction(kmsActions.UnbindCloudResource, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await call.change(async (tx) => {
      const key = await requireKey(tx, call, input.KeyId);
      nextState(key, "unbind");
      const { ProductId: productId, ResourceId: resourceId } = input;
      const wasBound = await removeBinding(tx, { keyId: key.keyId, productId, resourceId });
      if (!wasBound) throw new ApiError("ResourceUnavailable.CloudResourceBindingNotFound");
    });
    return {};
  },
});
