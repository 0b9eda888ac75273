/**
 * v1 proofs, sealed to the bridge before they leave: what a v1 signature covers has every parameter in the clear, Plaintext
 * included, and the control plane carries the request.
 */

import {
  type BridgeSealingKey,
  base64Decode,
  base64Encode,
  type CallerProof,
  PROOF_SEAL_INFO,
  proofSealAad,
  type SealedProof,
  type SealedProofContent,
  utf8Encode,
} from "@edge-kms/protocol";
import { seal } from "../signing/sealing.ts";
import type { Origin } from "./upstream.ts";

/** The proof as only the bridge can read it, and only in the request of this origin. */
export async function sealProof(
  proof: CallerProof,
  key: BridgeSealingKey,
  origin: Origin,
): Promise<SealedProof> {
  const { secretId, method, stringsToSign, signature } = proof;
  if (method === "TC3-HMAC-SHA256") throw new TypeError("expected a v1 proof");
  const content: SealedProofContent = { stringsToSign, signature };
  const bytes = utf8Encode(JSON.stringify(content));
  try {
    const publicKey = base64Decode(key.publicKey) ?? new Uint8Array(0);
    const { enc, ciphertext } = await seal(publicKey, bytes, PROOF_SEAL_INFO, proofSealAad(origin));
    const sealed = {
      kem: 0x0020,
      enc: base64Encode(enc),
      ciphertext: base64Encode(ciphertext),
    } as const;
    return { secretId, method, sealingKeyId: key.keyId, sealed };
  } finally {
    bytes.fill(0);
  }
}
