/**
 * The bridge's own HPKE key: edges seal to it what the control plane carries and must not read (v1 proofs). Made in memory at
 * each start, private half not extractable, gone with the process; edges believe the public half because the identity
 * signs it.
 */

import { createHash } from "node:crypto";
import {
  type BridgeSealingKey,
  base64Decode,
  base64Encode,
  type SealedProof,
  type SignedMessage,
  signedMessageTypes,
  utf8Encode,
} from "@edge-kms/protocol";
import type { Identity } from "./identity.ts";
import { suite } from "./seal-to-edge.ts";

export interface SealingKey {
  readonly keyId: string;
  /** `BridgeSealingKey`, signed. */
  readonly message: SignedMessage;
  /** The opened bytes, which the caller wipes; null when it does not open. */
  open(sealed: SealedProof["sealed"], info: string, aad: string): Promise<Uint8Array | null>;
}

export async function makeSealingKey(identity: Identity, madeAtMs: number): Promise<SealingKey> {
  const pair = await suite.GenerateKeyPair(false);
  const publicKey = await suite.SerializePublicKey(pair.publicKey);
  const keyId = createHash("sha256").update(publicKey).digest("hex").slice(0, 16);
  const payload: BridgeSealingKey = { publicKey: base64Encode(publicKey), keyId, madeAtMs };
  return {
    keyId,
    message: identity.sign(signedMessageTypes.bridgeSealingKey, payload),
    async open(sealed, info, aad) {
      const enc = base64Decode(sealed.enc);
      const ciphertext = base64Decode(sealed.ciphertext);
      if (enc === null || ciphertext === null) return null;
      try {
        return await suite.Open(pair, enc, ciphertext, {
          info: utf8Encode(info),
          aad: utf8Encode(aad),
        });
      } catch {
        return null;
      }
    },
  };
}
