/** Seals a SecretKey anew, after a token came: what was sealed before has no wrapping for it. Nobody gets any other right by it. */

import { openSecretKey, sealSecretKey } from "../access-secrets.ts";
import type { Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";

export const resealCredential: Operation<"resealCredential"> = async (
  bridge,
  { secretId, principal, sealed },
) => {
  const secretKey = await openSecretKey(bridge, sealed, secretId, principal);
  try {
    return { sealed: await sealSecretKey(bridge, secretKey, secretId, principal) };
  } finally {
    wipe(secretKey);
  }
};
