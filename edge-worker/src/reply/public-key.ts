/** EncryptionPublicKey: a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in PEM (RFC 7468 §13), RSA-2048 or SM2. */

import { base64Decode, equalBytes, hexDecode } from "@edge-kms/protocol";
import { DerReader, tags } from "./der.ts";

export type ReplyPublicKey =
  | {
      readonly kind: "rsa";
      /** The whole SubjectPublicKeyInfo, for WebCrypto. */
      readonly spki: Uint8Array<ArrayBuffer>;
      /** Modulus, 256 bytes, and exponent, big-endian. */
      readonly modulus: Uint8Array;
      readonly exponent: Uint8Array;
    }
  | {
      readonly kind: "sm2";
      /** x and y, 32 bytes each. Not yet known to be a point of the curve. */
      readonly point: Uint8Array;
    };

const RSA_BYTES = 256;
/** NIST SP 800-56B §6.2: 65537 up to 2^256; smaller exponents are in the wild and harmless with random padding. */
const MAX_EXPONENT_BYTES = 32;

/** RFC 3279 §2.3.1: rsaEncryption, NULL parameters. */
const rsaAlgorithm = hexDecode("06092a864886f70d0101010500") as Uint8Array;
/** RFC 5480 §2.1.1: id-ecPublicKey, with the curve 1.2.156.10197.1.301 of GM/T 0006 (SM2). */
const sm2Algorithm = hexDecode("06072a8648ce3d020106082a811ccf5501822d") as Uint8Array;

const pem = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/;

/** Null for anything but an RSA key of 2048 bits or an SM2 key. */
export function parsePublicKey(text: string): ReplyPublicKey | null {
  const spki = base64Decode((pem.exec(text)?.[1] ?? "").replace(/\s/g, ""));
  if (spki === null) return null;
  const outer = new DerReader(spki);
  const info = outer.read(tags.sequence);
  if (info === null || !outer.isAtEnd) return null;
  const fields = new DerReader(info);
  const algorithm = fields.read(tags.sequence);
  const bits = fields.read(tags.bitString);
  // X.690 §8.6.2: the first octet counts unused bits, of which a key has none.
  if (algorithm === null || bits === null || bits[0] !== 0 || !fields.isAtEnd) return null;
  const key = bits.subarray(1);
  if (equalBytes(algorithm, rsaAlgorithm)) return rsaKey(spki, key);
  return equalBytes(algorithm, sm2Algorithm) ? sm2Key(key) : null;
}

/** RSAPublicKey of RFC 8017 §A.1.1. */
function rsaKey(spki: Uint8Array<ArrayBuffer>, key: Uint8Array): ReplyPublicKey | null {
  const outer = new DerReader(key);
  const numbers = outer.read(tags.sequence);
  if (numbers === null || !outer.isAtEnd) return null;
  const reader = new DerReader(numbers);
  const modulus = reader.readPositive();
  const exponent = reader.readPositive();
  if (modulus === null || exponent === null || !reader.isAtEnd) return null;
  const isModulus = modulus.length === RSA_BYTES && (modulus[0] ?? 0) >= 0x80 && isOdd(modulus);
  const isExponent =
    exponent.length <= MAX_EXPONENT_BYTES &&
    isOdd(exponent) &&
    (exponent.length > 1 || (exponent[0] ?? 0) >= 3);
  return isModulus && isExponent ? { kind: "rsa", spki, modulus, exponent } : null;
}

function isOdd(number: Uint8Array): boolean {
  return ((number[number.length - 1] ?? 0) & 1) === 1;
}

/** An uncompressed point, SEC 1 §2.3.3. */
function sm2Key(key: Uint8Array): ReplyPublicKey | null {
  return key.length === 65 && key[0] === 0x04 ? { kind: "sm2", point: key.subarray(1) } : null;
}
