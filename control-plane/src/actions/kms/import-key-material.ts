/** ImportKeyMaterial. The same material again changes only its ValidTo. */

import { ApiError, base64Encode, kmsActions } from "@edge-kms/protocol";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { boundKeys } from "../../db/queries/cloud-bindings.ts";
import { insertVersionOnce, updateKey } from "../../db/queries/keys.ts";
import { controlAction } from "../action.ts";
import { changeMaterial } from "./material-step.ts";

export const importKeyMaterial = controlAction(kmsActions.ImportKeyMaterial, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    const { bridge } = call.services;
    const validToMs = input.ValidTo === 0 ? null : input.ValidTo * 1000;
    if (validToMs !== null && validToMs <= call.nowMs) {
      throw new ApiError("InvalidParameter", { message: "ValidTo must lie in the future." });
    }
    await changeMaterial(
      call,
      input.KeyId,
      "import",
      (name) =>
        bridge.call("importMaterial", {
          ...name,
          token: input.ImportToken,
          material: base64Encode(input.EncryptedKeyMaterial),
        }),
      async (tx, key, state) => {
        // A key in use does not expire (contract §3.6).
        const isBound = (await boundKeys(tx, [key.keyId])).has(key.keyId);
        const endsMs = isBound ? null : validToMs;
        await updateKey(tx, key, {
          state,
          validToMs: endsMs,
          hasMaterial: true,
          currentVersion: 1,
          materialStep: null,
          materialStepUntilMs: null,
        });
        await insertVersionOnce(tx, key, 1, call.nowMs);
        // With it end refusals that edges remember, and leases that would outlive the material.
        if (state !== key.state || endsMs !== key.validToMs) await raiseEpoch(tx, key.account);
      },
    );
    return {};
  },
});
