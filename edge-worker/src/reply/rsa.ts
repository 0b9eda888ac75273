/**
 * RSA encryption of a reply to the caller's public key. OAEP through WebCrypto; RSAES-PKCS1-v1_5, which WebCrypto does not
 * have, by the padding of RFC 8017 §7.2.1 and one exponentiation with the public exponent.
 *
 * BigInt arithmetic is not constant time. Only public numbers are its operands but for the padded message, which is
 * random but for the data key in its last bytes and is used once; no private key comes near it.
 */

import { concatBytes } from "@edge-kms/protocol";
import { power } from "../public-keys/rsa.ts";
import type { RsaPublicKey } from "../public-keys/spki.ts";

export async function encryptOaep(
  key: RsaPublicKey,
  hash: "SHA-1" | "SHA-256",
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  const algorithm = { name: "RSA-OAEP", hash };
  const publicKey = await crypto.subtle.importKey("spki", key.spki, algorithm, false, ["encrypt"]);
  const copy = new Uint8Array(plaintext);
  try {
    return new Uint8Array(await crypto.subtle.encrypt({ name: "RSA-OAEP" }, publicKey, copy));
  } finally {
    copy.fill(0);
  }
}

/** Longest plaintext, RFC 8017 §7.2.1 and §7.1.1: k - 11, and k - 2 hLen - 2. */
export const longestRsaPlaintext = {
  RSAES_PKCS1_V1_5: 245,
  RSAES_OAEP_SHA_1: 214,
  RSAES_OAEP_SHA_256: 190,
} as const;

export function encryptPkcs1(key: RsaPublicKey, plaintext: Uint8Array): Uint8Array {
  const { modulus, exponent } = key;
  // EM = 0x00 || 0x02 || PS || 0x00 || M, PS of non-zero octets.
  const padding = nonZeroRandom(modulus.length - 3 - plaintext.length);
  const encoded = concatBytes(Uint8Array.of(0, 2), padding, Uint8Array.of(0), plaintext);
  try {
    return power(encoded, exponent, modulus);
  } finally {
    encoded.fill(0);
    padding.fill(0);
  }
}

function nonZeroRandom(length: number): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  for (let n = 0; n < length; n++) {
    while (bytes[n] === 0) crypto.getRandomValues(bytes.subarray(n, n + 1));
  }
  return bytes;
}
