/** RSA with the public exponent (RFC 8017): the operation itself, and the verification of signatures over a SHA-256 digest. */

import { concatBytes, equalBytes, hexDecode, writeU32 } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import type { RsaPublicKey } from "./spki.ts";

const HASH = 32;
/** RFC 8017 §9.2 note 1: DigestInfo of SHA-256 up to the digest. */
const digestInfo = hexDecode("3031300d060960864801650304020105000420") as Uint8Array;

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): the encoding is made and compared, not taken apart. */
export function verifyPkcs1(key: RsaPublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  const encoded = recover(key, signature);
  if (encoded === null) return false;
  const padding = new Uint8Array(encoded.length - 3 - digestInfo.length - HASH).fill(0xff);
  const expected = concatBytes(Uint8Array.of(0, 1), padding, Uint8Array.of(0), digestInfo, digest);
  return equalBytes(encoded, expected);
}

/** RSASSA-PSS (RFC 8017 §8.1.2, §9.1.2) with MGF1 over SHA-256, whatever the length of the salt. */
export function verifyPss(
  core: Core,
  key: RsaPublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recover(key, signature);
  // A modulus of 2048 bits: emBits is 2047, so the encoding's first bit is 0. Steps 3, 4 and 6 of §9.1.2.
  if (encoded === null || encoded.at(-1) !== 0xbc || (encoded[0] ?? 0) >= 0x80) return false;
  const masked = encoded.subarray(0, encoded.length - HASH - 1);
  const hash = encoded.subarray(masked.length, masked.length + HASH);
  const mask = mgf1(core, hash, masked.length);
  const data = masked.map((byte, n) => byte ^ (mask[n] as number));
  data[0] = (data[0] as number) & 0x7f;
  const one = data.findIndex((byte) => byte !== 0);
  if (one === -1 || data[one] !== 0x01) return false;
  const salt = data.subarray(one + 1);
  return equalBytes(hash, core.sha256(concatBytes(new Uint8Array(8), digest, salt)));
}

/** RSAVP1 (RFC 8017 §5.2.2); null for a signature of another length, or not below the modulus. */
function recover({ modulus, exponent }: RsaPublicKey, signature: Uint8Array): Uint8Array | null {
  if (signature.length !== modulus.length || toBigInt(signature) >= toBigInt(modulus)) return null;
  return power(signature, exponent, modulus);
}

/** RFC 8017 §B.2.1. */
function mgf1(core: Core, seed: Uint8Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  const input = concatBytes(seed, new Uint8Array(4));
  for (let offset = 0, counter = 0; offset < length; offset += HASH, counter++) {
    writeU32(input, seed.length, counter);
    mask.set(core.sha256(input).subarray(0, length - offset), offset);
  }
  return mask;
}

/** base ^ exponent mod modulus, as long as the modulus. The exponent is public; nothing here takes constant time. */
export function power(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const m = toBigInt(modulus);
  const b = toBigInt(base);
  let result = 1n;
  for (const bit of toBigInt(exponent).toString(2)) {
    result = (result * result) % m;
    if (bit === "1") result = (result * b) % m;
  }
  const out = new Uint8Array(modulus.length);
  for (let n = out.length - 1; n >= 0; n--) {
    out[n] = Number(result & 0xffn);
    result >>= 8n;
  }
  return out;
}

function toBigInt(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
