/**
 * SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of the kinds that this API knows: RSA of 2048 bits, P-256, P-384, SM2. In PEM (RFC 7468 §13)
 * as callers send it, in DER as CMKs have it.
 */

import { base64Decode, equalBytes, hexDecode } from "@edge-kms/protocol";
import { DerReader, tags } from "./der.ts";

export interface RsaPublicKey {
  readonly kind: "rsa";
  /** The whole SubjectPublicKeyInfo, for WebCrypto. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** Modulus, 256 bytes, and exponent, big-endian. */
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

export interface CurvePublicKey {
  readonly kind: "p-256" | "p-384" | "sm2";
  /** x and y, 32 or 48 bytes each. Not yet known to be a point of the curve. */
  readonly point: Uint8Array;
}

export type PublicKey = RsaPublicKey | CurvePublicKey;

const RSA_BYTES = 256;
/** NIST SP 800-56B §6.2: 65537 up to 2^256; smaller exponents are in the wild and harmless with random padding. */
const MAX_EXPONENT_BYTES = 32;

const hex = (text: string) => hexDecode(text) as Uint8Array;

/** RFC 3279 §2.3.1: rsaEncryption, NULL parameters. */
const rsaAlgorithm = hex("06092a864886f70d0101010500");

/** RFC 5480 §2.1.1: id-ecPublicKey with the curve: secp256r1, secp384r1, and 1.2.156.10197.1.301 of GM/T 0006. */
const curves = [
  { kind: "p-256", algorithm: hex("06072a8648ce3d020106082a8648ce3d030107"), bytes: 32 },
  { kind: "p-384", algorithm: hex("06072a8648ce3d020106052b81040022"), bytes: 48 },
  { kind: "sm2", algorithm: hex("06072a8648ce3d020106082a811ccf5501822d"), bytes: 32 },
] as const;

const pem = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/;

/** Null for anything but a key of these kinds in PEM. */
export function parsePublicKeyPem(text: string): PublicKey | null {
  const spki = base64Decode((pem.exec(text)?.[1] ?? "").replace(/\s/g, ""));
  return spki === null ? null : parsePublicKey(spki);
}

/** Null for anything but a key of these kinds in DER. */
export function parsePublicKey(spki: Uint8Array<ArrayBuffer>): PublicKey | null {
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
  const curve = curves.find((one) => equalBytes(algorithm, one.algorithm));
  // An uncompressed point, SEC 1 §2.3.3.
  const isPoint = curve !== undefined && key.length === 1 + 2 * curve.bytes && key[0] === 0x04;
  return isPoint ? { kind: curve.kind, point: key.subarray(1) } : null;
}

/** RSAPublicKey of RFC 8017 §A.1.1. */
function rsaKey(spki: Uint8Array<ArrayBuffer>, key: Uint8Array): RsaPublicKey | null {
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
