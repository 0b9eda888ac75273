/** Ed25519 (RFC 8032) keys in the forms they travel in. */

import { createPublicKey, type KeyObject } from "node:crypto";
import { base64Decode, base64UrlEncode } from "@edge-kms/protocol";

/** The key object of a raw public key of 32 bytes in base64; null when it is none. */
export function importPublicKey(rawB64: string): KeyObject | null {
  const raw = base64Decode(rawB64);
  if (raw?.length !== 32) return null;
  try {
    return createPublicKey({
      key: { kty: "OKP", crv: "Ed25519", x: base64UrlEncode(raw) },
      format: "jwk",
    });
  } catch {
    return null;
  }
}

/** The raw public half of a key, 32 bytes in base64. */
export function exportPublicKey(key: KeyObject): string {
  const { x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  if (typeof x !== "string") throw new TypeError("expected an Ed25519 key");
  return Buffer.from(x, "base64url").toString("base64");
}
