/** Opens a SecretKey and asks whether it made the caller's signature. */

import type { CallerProof, Principal } from "@edge-kms/protocol";
import {
  deriveSigningKey,
  isProofWellFormed,
  isSignedBy,
  openSecretKey,
} from "../access-secrets.ts";
import type { Bridge } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { BridgeError } from "../errors.ts";

/**
 * Null when the signature is not the SecretKey's. Else the key it was made with: kSigning for TC3, empty for v1, whose
 * key is the SecretKey itself and stays here. The caller wipes it.
 */
export async function checkProof(
  bridge: Bridge,
  proof: CallerProof,
  principal: Principal,
  sealed: string,
): Promise<Uint8Array | null> {
  if (!isProofWellFormed(proof)) {
    throw new BridgeError("bad-request", "The proof has not the form its method demands.");
  }
  const secretKey = await openSecretKey(bridge, sealed, proof.secretId, principal);
  try {
    if (proof.method !== "TC3-HMAC-SHA256") {
      return isSignedBy(secretKey, proof) ? new Uint8Array(0) : null;
    }
    const kSigning = deriveSigningKey(secretKey, proof.date, proof.service);
    if (isSignedBy(kSigning, proof)) return kSigning;
    wipe(kSigning);
    return null;
  } finally {
    wipe(secretKey);
  }
}
