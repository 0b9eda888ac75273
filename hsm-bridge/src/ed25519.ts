/** Ed25519 (RFC 8032) with raw 32-byte keys, as enrolments and bindings carry them. */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { type Bytes, base64UrlEncode } from "@edge-kms/protocol";
import { ownBytes, wipe } from "./bytes.ts";

export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;

/** PKCS #8 head of an Ed25519 private key (RFC 8410 §7); the seed follows. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** Null when the bytes are not 32 or no key. */
export function importPublicKey(raw: Uint8Array): KeyObject | null {
  if (raw.length !== PUBLIC_KEY_BYTES) return null;
  try {
    return createPublicKey({
      key: { kty: "OKP", crv: "Ed25519", x: base64UrlEncode(raw) },
      format: "jwk",
    });
  } catch {
    return null;
  }
}

/** Takes a seed of 32 bytes, which the caller wipes. */
export function importPrivateKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8_HEAD, seed]);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    wipe(der);
  }
}

export function rawPublicKey(privateKey: KeyObject): Bytes {
  const der = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return ownBytes(der.subarray(der.length - PUBLIC_KEY_BYTES));
}

export function signBytes(privateKey: KeyObject, message: Uint8Array): Bytes {
  return ownBytes(sign(null, message, privateKey));
}

export function verifyBytes(
  publicKey: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return signature.length === 64 && verify(null, message, publicKey, signature);
}
