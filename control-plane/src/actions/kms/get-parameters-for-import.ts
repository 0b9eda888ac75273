/** GetParametersForImport: pair and token are the bridge's; nothing of them is kept here. */

import { ApiError, kmsActions } from "@edge-kms/protocol";
import { toManagementError } from "../../bridge/errors.ts";
import type { Queryable } from "../../db/index.ts";
import { unixSeconds } from "../../keys/metadata.ts";
import { nextState } from "../../keys/states.ts";
import { controlAction } from "../action.ts";
import type { Call } from "../call.ts";
import { requireKey } from "./find.ts";

export const getParametersForImport = controlAction(kmsActions.GetParametersForImport, {
  keyIds: (input) => [input.KeyId],
  async act(call, input) {
    await call.prepare((tx) => check(tx, call, input.KeyId));
    const { token, publicKey, validToMs } = await call.services.bridge
      .call("importParameters", {
        ...call.scope,
        keyId: input.KeyId,
        algorithm: input.WrappingAlgorithm,
      })
      .catch((error: unknown) => {
        throw toManagementError(error);
      });
    await call.change((tx) => check(tx, call, input.KeyId));
    return {
      KeyId: input.KeyId,
      ImportToken: token,
      PublicKey: publicKey,
      ParametersValidTo: unixSeconds(validToMs),
    };
  },
});

async function check(tx: Queryable, call: Call, keyId: string): Promise<void> {
  const key = await requireKey(tx, call, keyId);
  if (key.origin !== "EXTERNAL") throw new ApiError("UnsupportedOperation.NotExternalCmk");
  nextState(key, "prepareImport");
}
