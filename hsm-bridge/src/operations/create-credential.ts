/** Makes an access key. The SecretKey is in this answer and nowhere else in the clear; only sealed is it kept. */

import { randomAlphanumeric, sealSecretKey } from "../access-secrets.ts";
import type { Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { frozen } from "../edge-request.ts";
import { isFrozen } from "../registry/freezes.ts";
import { appendLog } from "../registry/log.ts";

export const createCredential: Operation<"createCredential"> = async (
  bridge,
  { principal },
  { role },
) => {
  if (role !== "operator" && isFrozen(bridge.database, "account", principal.account)) {
    throw frozen("account");
  }
  const secretId = `AKID${(await randomAlphanumeric(bridge.store)).toString("latin1")}`;
  const secretKey = await randomAlphanumeric(bridge.store);
  try {
    const sealed = await sealSecretKey(bridge, secretKey, secretId, principal);
    const nowMs = bridge.clock();
    await bridge.database.commit(() =>
      appendLog(bridge.database, nowMs, "credential-created", role, {
        secretId,
        account: principal.account,
        uin: principal.uin,
        type: principal.type,
      }),
    );
    // The answer needs it as a JavaScript string, which cannot be wiped.
    return { secretId, secretKey: secretKey.toString("latin1"), sealed };
  } finally {
    wipe(secretKey);
  }
};
