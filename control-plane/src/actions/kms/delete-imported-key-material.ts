/** DeleteImportedKeyMaterial: acknowledged when the HSM object is destroyed. */

import { kmsActions } from "@edge-kms/protocol";
import { finishMaterialDeletion } from "../../db/queries/key-material.ts";
import { expirableStates } from "../../keys/material.ts";
import { controlAction } from "../action.ts";
import { changeMaterial } from "./material-step.ts";

export const deleteImportedKeyMaterial = controlAction(kmsActions.DeleteImportedKeyMaterial, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await changeMaterial(
      call,
      input.KeyId,
      "delete",
      (name) => call.services.bridge.call("deleteMaterial", name),
      async (tx, _key, _state, step) =>
        void (await finishMaterialDeletion(tx, step, expirableStates)),
    );
    return {};
  },
});
