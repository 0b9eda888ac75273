/**
 * SecretKeys: made, sealed, opened and used here alone. Sealed form, as the control plane stores it:
 *
 *     version(1) = 1 || nonce(12) || ciphertext(32) || tag(16)
 *
 * AES-256-GCM in the store under a sealing key of its own; associated data: SecretId and principal.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import {
  base64Decode,
  base64Encode,
  type CallerProof,
  concatBytes,
  hexDecode,
  type Principal,
  utf8Encode,
} from "@edge-kms/protocol";
import type { Bridge } from "./bridge.ts";
import { encodeFields, wipe } from "./bytes.ts";
import { asMissingObject, BridgeError } from "./errors.ts";
import type { KeyStore } from "./key-store.ts";

const SEALED_VERSION = 1;
const ID_CHARACTERS = 32;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** The largest multiple of 62 below 256: bytes from here on are drawn again, so no character is likelier. */
const UNBIASED_BELOW = 248;

/** 32 characters of `A–Za–z0–9` (190 bits) as ASCII bytes, from the store's generator. The caller wipes them. */
export async function randomAlphanumeric(store: KeyStore): Promise<Buffer> {
  const out = Buffer.alloc(ID_CHARACTERS);
  let filled = 0;
  while (filled < out.length) {
    const random = await store.random(64);
    for (const byte of random) {
      if (filled === out.length) break;
      if (byte < UNBIASED_BELOW) out[filled++] = ALPHABET.charCodeAt(byte % ALPHABET.length);
    }
    wipe(random);
  }
  return out;
}

function associatedData(secretId: string, { account, appId, uin, type }: Principal): Uint8Array {
  return encodeFields("edge-kms/secret-key/1", [secretId, account, appId, uin, type]);
}

/** Base64 of the sealed form. `secretKey` stays the caller's. */
export async function sealSecretKey(
  bridge: Bridge,
  secretKey: Uint8Array,
  secretId: string,
  principal: Principal,
): Promise<string> {
  const sealed = await bridge.store.aesGcmEncrypt(
    bridge.sealingObject,
    secretKey,
    associatedData(secretId, principal),
  );
  return base64Encode(concatBytes(Uint8Array.of(SEALED_VERSION), sealed));
}

/** The SecretKey's bytes, which the caller wipes. `corrupt` when altered or of another SecretId or principal. */
export async function openSecretKey(
  bridge: Bridge,
  sealedB64: string,
  secretId: string,
  principal: Principal,
): Promise<Uint8Array> {
  const sealed = base64Decode(sealedB64);
  if (sealed === null || sealed[0] !== SEALED_VERSION) {
    throw new BridgeError("corrupt", "The sealed SecretKey is not of a known form.");
  }
  return bridge.store
    .aesGcmDecrypt(bridge.sealingObject, sealed.subarray(1), associatedData(secretId, principal))
    .catch((error: unknown) => {
      throw asMissingObject(error, bridge.sealingObject);
    });
}

/** Has the proof the form its method demands? Said before any secret is opened. */
export function isProofWellFormed(proof: CallerProof): boolean {
  if (proof.method !== "TC3-HMAC-SHA256") return proof.date === "" && proof.service === "";
  if (!/^\d{4}-\d{2}-\d{2}$/.test(proof.date) || proof.service === "") return false;
  // "TC3-HMAC-SHA256" \n timestamp \n scope \n hash: the scope signed must be the one whose key is derived.
  const scope = `${proof.date}/${proof.service}/tc3_request`;
  return proof.stringsToSign.every((text) => {
    const lines = text.split("\n");
    return lines.length === 4 && lines[0] === "TC3-HMAC-SHA256" && lines[2] === scope;
  });
}

/**
 * kSigning of a day and service (API 3.0 signature v3): HMAC-SHA256 chain "TC3" + SecretKey → date → service →
 * "tc3_request". 32 bytes, which the caller wipes; intermediates are wiped here.
 */
export function deriveSigningKey(secretKey: Uint8Array, date: string, service: string): Buffer {
  const start = Buffer.concat([utf8Encode("TC3"), secretKey]);
  const kDate = hmac("sha256", start, date);
  const kService = hmac("sha256", kDate, service);
  const kSigning = hmac("sha256", kService, "tc3_request");
  wipe(start, kDate, kService);
  return kSigning;
}

/**
 * Whether the signature is the key's over one of the strings. All are computed and compared without early exit.
 * `key` is kSigning for TC3 (signature in lower-case hex), the SecretKey for v1 (base64).
 */
export function isSignedBy(key: Uint8Array, proof: CallerProof): boolean {
  const isTc3 = proof.method === "TC3-HMAC-SHA256";
  const algorithm = proof.method === "HmacSHA1" ? "sha1" : "sha256";
  const given = isTc3 ? hexDecode(proof.signature) : base64Decode(proof.signature);
  const length = algorithm === "sha1" ? 20 : 32;
  const hasLength = given !== null && given.length === length;
  const compared = hasLength ? given : new Uint8Array(length);
  let matches = 0;
  for (const text of proof.stringsToSign) {
    const expected = hmac(algorithm, key, text);
    matches |= Number(timingSafeEqual(expected, compared));
    wipe(expected);
  }
  return hasLength && matches === 1;
}

function hmac(algorithm: "sha1" | "sha256", key: Uint8Array, text: string): Buffer {
  return createHmac(algorithm, key).update(text, "utf8").digest();
}
