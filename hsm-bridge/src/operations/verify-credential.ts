/**
 * Verifies a caller's signature for the control plane's own door: strings and signature in, yes or no out. A freeze is told
 * only to who has the SecretKey.
 */

import type { Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { frozen } from "../edge-request.ts";
import { isFrozen } from "../registry/freezes.ts";
import { checkProof } from "./check-proof.ts";

export const verifyCredential: Operation<"verifyCredential"> = async (
  bridge,
  { proof, principal, sealed },
) => {
  const key = await checkProof(bridge, proof, principal, sealed);
  wipe(key);
  if (key !== null && isFrozen(bridge.database, "account", principal.account)) {
    throw frozen("account");
  }
  return { valid: key !== null };
};
