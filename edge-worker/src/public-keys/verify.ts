/**
 * Signatures of CMKs, verified with their public keys (contract §3.7). All numbers here are public. Messages are hashed here where the
 * caller did not, so that both kinds take the same road: WebCrypto has none for digests.
 */

import type { SignAlgorithm } from "@edge-kms/protocol";
import { concatBytes } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { p256, p384 } from "@noble/curves/nist";
import { verifyPkcs1, verifyPss } from "./rsa.ts";
import { sm2Digest, sm2PublicKey, verifySm2 } from "./sm2.ts";
import type { CurvePublicKey, PublicKey } from "./spki.ts";

export interface SignedMessage {
  readonly algorithm: SignAlgorithm;
  readonly message: Uint8Array;
  /** The message is a digest already. */
  readonly isDigest: boolean;
  /** As SignByAsymmetricKey answers it. */
  readonly signature: Uint8Array;
}

/** Null when the key is not one for the algorithm. */
export async function verifySignature(
  core: Core,
  key: PublicKey,
  signed: SignedMessage,
): Promise<boolean | null> {
  const { algorithm, signature } = signed;
  switch (algorithm) {
    case "RSA_PSS_SHA_256":
      return key.kind === "rsa" ? verifyPss(core, key, sha256Of(core, signed), signature) : null;
    case "RSA_PKCS1_SHA_256":
      return key.kind === "rsa" ? verifyPkcs1(key, sha256Of(core, signed), signature) : null;
    case "ECC_P256_R1":
      return key.kind === "p-256"
        ? verifyEcdsa(p256, key, sha256Of(core, signed), signature)
        : null;
    case "ECC_P384_R1":
      return key.kind === "p-384"
        ? verifyEcdsa(p384, key, await sha384Of(signed), signature)
        : null;
    case "SM2DSA": {
      if (key.kind !== "sm2") return null;
      const point = sm2PublicKey(key.point);
      const { message, isDigest } = signed;
      const digest = isDigest ? message : sm2Digest(core, key.point, message);
      return point !== null && verifySm2(point, digest, signature);
    }
  }
}

function sha256Of(core: Core, { message, isDigest }: SignedMessage): Uint8Array {
  return isDigest ? message : core.sha256(message);
}

async function sha384Of({ message, isDigest }: SignedMessage): Promise<Uint8Array> {
  return isDigest
    ? message
    : new Uint8Array(await crypto.subtle.digest("SHA-384", new Uint8Array(message)));
}

/** SEQUENCE { r, s } in DER (RFC 3279 §2.2.3); s in either half, as HSMs make it. */
function verifyEcdsa(
  curve: typeof p256,
  { point }: CurvePublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const publicKey = concatBytes(Uint8Array.of(0x04), point);
    return curve.verify(signature, digest, publicKey, {
      format: "der",
      lowS: false,
      prehash: false,
    });
  } catch {
    // Not a point, or not a signature of that form.
    return false;
  }
}
