/**
 * Key pairs of kinds that a store does not keep: made and used in this process, the private key sealed by a key in the store and opened
 * per use. RSA and the NIST curves as PKCS #8 (RFC 5958), SM2 as its scalar of 32 bytes. OpenSSL does RSA, noble-curves ECDSA over
 * digests, sm-crypto-v2 SM2; none of the latter two promises constant time.
 */

import {
  constants,
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";
import { p256, p384 } from "@noble/curves/nist";
import { sm2 } from "sm-crypto-v2";
import { wipe } from "../bytes.ts";
import { BridgeError } from "../errors.ts";
import type { KeyStore, RsaPadding, SignScheme } from "../key-store.ts";
import { isPkcs1EncodingOf, sha256DigestInfo } from "../pkcs1.ts";
import { readSm2Ciphertext } from "./sm2-ciphertext.ts";
import type { KeyPairKind } from "./usages.ts";

export interface MadePair {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer;
  /** The caller's to wipe. */
  readonly privateKey: Buffer;
}

const RSA_BYTES = 256;
const SCALAR_BYTES = 32;
/** Order of the SM2 curve (GB/T 32918.5-2017 §A): scalars are from 1 to n - 2 (GB/T 32918.1 §6.1). */
const SM2_ORDER = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
/** SubjectPublicKeyInfo of an SM2 key up to its uncompressed point (GM/T 0006: 1.2.156.10197.1.301). */
const sm2Head = Buffer.from("3059301306072a8648ce3d020106082a811ccf5501822d034200", "hex");

/** Not in the event loop: primes take as long as they are hard to find. */
const generate = promisify(generateKeyPair);

export async function makePair(store: KeyStore, kind: KeyPairKind): Promise<MadePair> {
  switch (kind) {
    case "rsa-2048-decrypt":
    case "rsa-2048-sign":
      return exported(await generate("rsa", { modulusLength: RSA_BYTES * 8 }));
    case "p-256-sign":
      return exported(await generate("ec", { namedCurve: "P-256" }));
    case "p-384-sign":
      return exported(await generate("ec", { namedCurve: "P-384" }));
    case "sm2-decrypt":
    case "sm2-sign":
      return makeSm2(store);
  }
}

function exported(pair: {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}): MadePair {
  return {
    publicKey: pair.publicKey.export({ type: "spki", format: "der" }),
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "der" }),
  };
}

async function makeSm2(store: KeyStore): Promise<MadePair> {
  for (;;) {
    const scalar = sameMemory(await store.random(SCALAR_BYTES));
    const hex = scalar.toString("hex");
    const d = BigInt(`0x${hex}`);
    if (d > 0n && d < SM2_ORDER - 1n) {
      const point = Buffer.from(sm2.getPublicKeyFromPrivateKey(hex), "hex");
      return { publicKey: Buffer.concat([sm2Head, point]), privateKey: scalar };
    }
    wipe(scalar);
  }
}

/** The plaintext, the caller's to wipe. `corrupt` for whatever is not a ciphertext under the key. */
export function decryptRsa(
  privateKey: Uint8Array,
  padding: RsaPadding,
  ciphertext: Uint8Array,
): Buffer {
  const key = open(privateKey);
  try {
    if (padding !== "pkcs1") {
      const oaepHash = padding === "oaep-sha1" ? "sha1" : "sha256";
      return privateDecrypt(
        { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
        ciphertext,
      );
    }
    return decryptPkcs1(key, ciphertext);
  } catch {
    // told below
  }
  throw doesNotDecrypt();
}

/** Throws for whatever does not decrypt. OpenSSL answers wrong padding with made-up plaintext. */
function decryptPkcs1(key: KeyObject, ciphertext: Uint8Array): Buffer {
  let plaintext: Buffer | null = null;
  let encoded: Buffer | null = null;
  let isGenuine = false;
  try {
    plaintext = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, ciphertext);
    encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
    isGenuine = isPkcs1EncodingOf(encoded, plaintext);
    if (isGenuine) return plaintext;
  } finally {
    wipe(encoded);
    if (!isGenuine) wipe(plaintext);
  }
  throw doesNotDecrypt();
}

/** `ciphertext` is SEQUENCE { x, y, C3, C2 } in DER (GM/T 0009-2012 §7.2), or 04 || x || y || C3 || C2. */
export function decryptSm2(privateKey: Uint8Array, ciphertext: Uint8Array): Buffer {
  const raw = ciphertext[0] === 0x04 ? ciphertext.subarray(1) : readSm2Ciphertext(ciphertext);
  if (raw === null || raw.length <= 3 * SCALAR_BYTES) throw doesNotDecrypt();
  let plaintext: Uint8Array | null = null;
  try {
    // Always in the raw form: from that one the library makes sure that C1 is a point of the curve.
    const hex = Buffer.from(raw).toString("hex");
    plaintext = sm2.doDecrypt(hex, sameMemory(privateKey).toString("hex"), 1, { output: "array" });
  } catch {
    // told below
  }
  // C3 did not fit: the library answers nothing.
  if (plaintext === null || plaintext.length === 0) throw doesNotDecrypt();
  const own = Buffer.from(plaintext);
  wipe(plaintext);
  return own;
}

/** RSA: 256 bytes. ECDSA: r || s. */
export function signDigest(
  kind: KeyPairKind,
  privateKey: Uint8Array,
  scheme: SignScheme,
  digest: Uint8Array,
): Buffer {
  switch (scheme) {
    case "rsa-pkcs1-sha256": {
      const key = { key: open(privateKey), padding: constants.RSA_PKCS1_PADDING };
      return privateEncrypt(key, Buffer.concat([sha256DigestInfo, digest]));
    }
    case "rsa-pss-sha256": {
      const key = { key: open(privateKey), padding: constants.RSA_NO_PADDING };
      return privateEncrypt(key, pssEncode(digest));
    }
    case "ecdsa": {
      const { d = "" } = open(privateKey).export({ format: "jwk" });
      const scalar = Buffer.from(d, "base64url");
      try {
        const curve = kind === "p-384-sign" ? p384 : p256;
        const signature = curve.sign(digest, scalar, { prehash: false, lowS: false });
        return Buffer.from(signature.toBytes("compact"));
      } finally {
        wipe(scalar);
      }
    }
  }
}

/** SEQUENCE { r, s } in DER over e (GB/T 32918.2-2016 §6.1). */
export function signSm2(privateKey: Uint8Array, e: Uint8Array): Buffer {
  const options = { der: true, hash: false } as const;
  return Buffer.from(sm2.doSignature(e, sameMemory(privateKey).toString("hex"), options), "hex");
}

/** EMSA-PSS (RFC 8017 §9.1.1) over SHA-256, a salt of 32 bytes, for a modulus of 2048 bits. */
function pssEncode(digest: Uint8Array): Buffer {
  const salt = randomBytes(32);
  const hash = sha256(Buffer.alloc(8), digest, salt);
  const data = Buffer.alloc(RSA_BYTES - hash.length - 1);
  data[data.length - salt.length - 1] = 1;
  data.set(salt, data.length - salt.length);
  for (let offset = 0, counter = 0; offset < data.length; offset += 32, counter++) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const mask = sha256(hash, count);
    for (let n = 0; n < 32 && offset + n < data.length; n++) {
      data[offset + n] = (data[offset + n] as number) ^ (mask[n] as number);
    }
  }
  data[0] = (data[0] as number) & 0x7f;
  return Buffer.concat([data, hash, Buffer.of(0xbc)]);
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function open(privateKey: Uint8Array): KeyObject {
  return createPrivateKey({ key: sameMemory(privateKey), format: "der", type: "pkcs8" });
}

/** A Buffer over the same bytes: a copy would have to be wiped, too. */
function sameMemory(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The uncompressed point of an SM2 key, without its leading 04. */
export function sm2Point(publicKey: Uint8Array): Uint8Array {
  return publicKey.subarray(sm2Head.length + 1);
}

function doesNotDecrypt(): BridgeError {
  return new BridgeError("not-authentic", "The ciphertext does not decrypt.");
}
