/**
 * What the bridge asks of the place that holds master keys. Two implementations: `pkcs11/` (any token) and `software/`
 * (an encrypted file for development, no HSM). One test suite runs over both.
 *
 * Secret keys are AES-256 (FIPS 197; imported ones may be AES-128) and are used with GCM (SP 800-38D) only. The nonce of 96 random bits is made inside the
 * store, so that no caller can repeat one. SP 800-38D §8.3 then allows 2^32 encryptions per key: a key version wraps one
 * branch key per edge group and period, rarely more, the sealing key one SecretKey per access key, so the bound is out of reach.
 */

import { randomBytes } from "node:crypto";
import { type BridgeResponse, type Bytes, equalBytes } from "@edge-kms/protocol";
import { BridgeError } from "./errors.ts";

/** `pkcs11` or `software`, as it stands in every grant and audit record. */
export type StoreKind = BridgeResponse<"status">["store"];

/** Length of the nonce before, and of the tag behind, the ciphertext that a store answers. */
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/** Object ids are printable and short: they become CKA_ID (their UTF-8) and part of CKA_LABEL. */
export const objectIdPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Kinds of key pairs. Each does one thing only. */
export const pairKinds = ["rsa-2048-decrypt", "rsa-2048-sign", "p-256-sign", "p-384-sign"] as const;
export type PairKind = (typeof pairKinds)[number];

/** RSAES of RFC 8017 §7: v1.5, or OAEP with one hash for label and mask and an empty label. */
export type RsaPadding = "pkcs1" | "oaep-sha1" | "oaep-sha256";

/** RSASSA of RFC 8017 §8 over SHA-256, PSS with a salt of 32 bytes; ECDSA of FIPS 186-5 §6. All take a digest. */
export type SignScheme = "rsa-pkcs1-sha256" | "rsa-pss-sha256" | "ecdsa";

/** One secret or private key found in the store. */
export interface StoredObject {
  /** Id under which `generateAesKey` made it; null for an object that has no id of our form. */
  readonly id: string | null;
  /** CKA_LABEL or null. For the quarantine record only. */
  readonly label: string | null;
}

/** Whether a token serves, as its circuit breaker has it. */
export interface TokenState {
  readonly label: string;
  /** `closed`: it serves. `open`: calls fail at once. `half-open`: an attempt at recovery is under way. */
  readonly state: "closed" | "open" | "half-open";
  /** When it began to serve, or stopped. Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Why it does not serve, or null. Fit for logs. */
  readonly reason: string | null;
  /** Of several tokens: objects and sealed bytes that it has no copy of yet. 0 for the only one. */
  readonly lacks: number;
}

/** What the store proved of itself at start. Fit for logs. */
export type SelfTestReport = Readonly<Record<string, string | number | boolean>>;

/**
 * Every method rejects with a `BridgeError`: `not-found` (no such object), `conflict` (id taken), `corrupt` (does not
 * open: wrong key, associated data or bytes, not told apart), `hsm-unavailable` (the same call may succeed later).
 *
 * Buffers: inputs belong to the caller, who wipes them; a store keeps no reference. Results belong to the caller, who
 * wipes plaintexts. A store wipes every copy it made itself; what it cannot reach (the kernel's pipe to the PKCS#11
 * process, copies made by the garbage collector) it does not promise.
 */
export interface KeyStore {
  readonly kind: StoreKind;
  /** Keys are in several tokens at once; a pair is in one of them (`replicas/`). */
  readonly isReplicated: boolean;
  /** Its tokens, without asking them. None for the software store. */
  readonly tokens: readonly TokenState[];
  /** Makes a non-extractable AES-256 key. When it resolves, the key survives kill -9 of every process. */
  generateAesKey(id: string): Promise<void>;
  /** AES-256-GCM; answers `nonce(12) || ciphertext || tag(16)`. The plaintext is 1–4096 bytes. */
  aesGcmEncrypt(id: string, plaintext: Uint8Array, associatedData: Uint8Array): Promise<Bytes>;
  /** Opens what `aesGcmEncrypt` answered. Nothing of the plaintext leaves before the tag is verified. */
  aesGcmDecrypt(id: string, sealed: Uint8Array, associatedData: Uint8Array): Promise<Bytes>;
  /**
   * Takes in an AES key of 16 or 32 bytes that was made elsewhere, as one that cannot be extracted again. What
   * `generateAesKey` promises of durability holds.
   */
  importAesKey(id: string, key: Uint8Array): Promise<void>;
  /** Kinds of pairs that the store makes and keeps; private keys of others are kept wrapped by it (`key-pairs.ts`). */
  readonly pairs: ReadonlySet<PairKind>;
  /** Makes a pair whose private key cannot be extracted; answers the public key as SubjectPublicKeyInfo (RFC 5280) in DER. */
  generatePair(id: string, kind: PairKind): Promise<Bytes>;
  /** Decrypts 256 bytes under an `rsa-2048-decrypt` key. `corrupt` for whatever is not its ciphertext. */
  rsaDecrypt(id: string, padding: RsaPadding, ciphertext: Uint8Array): Promise<Bytes>;
  /** Signs a digest of 32 bytes, 48 under P-384: 256 bytes for RSA, `r || s` for curves. */
  sign(id: string, scheme: SignScheme, digest: Uint8Array): Promise<Bytes>;
  /** Destroys a key or pair. False when there was none: destroying twice is no error. */
  destroyKey(id: string): Promise<boolean>;
  hasObject(id: string): Promise<boolean>;
  /**
   * Removes what a crash of the store left half-made: objects with neither id nor label nor key value, which nobody can
   * use and no creation can have acknowledged. Answers how many.
   */
  removeHollowObjects(): Promise<number>;
  /** All secret and private keys in the store, ours or not. */
  listObjects(): Promise<readonly StoredObject[]>;
  /** 1–1024 bytes from the store's generator. */
  random(byteCount: number): Promise<Bytes>;
  /** Wraps random bytes under a key and unwraps them, for real. Rejects when they do not come back. */
  prove(id: string): Promise<void>;
  /** Known answers and refusals; rejects when the store does not do what it must. */
  selfTest(): Promise<SelfTestReport>;
  /** Ends in-flight work, then releases everything. Idempotent. */
  close(): Promise<void>;
}

const proofAssociatedData = new TextEncoder().encode("edge-kms/proof/1");

/** `KeyStore.prove`, for a store over one place. */
export async function proveBy(
  store: Pick<KeyStore, "aesGcmEncrypt" | "aesGcmDecrypt">,
  id: string,
): Promise<void> {
  const proof = randomBytes(32);
  const sealed = await store.aesGcmEncrypt(id, proof, proofAssociatedData);
  if (!equalBytes(proof, await store.aesGcmDecrypt(id, sealed, proofAssociatedData))) {
    throw new BridgeError("hsm-unavailable", "The store does not open what it wrapped.");
  }
}

/** Throws a RangeError for an id that is not of the form above: a caller's bug. */
export function checkObjectId(id: string): void {
  if (!objectIdPattern.test(id)) {
    throw new RangeError(
      `an object id has 1 to 63 of a-z, 0-9 and '-'; got ${id.length} characters`,
    );
  }
}

export function checkPlaintextLength(plaintext: Uint8Array): void {
  if (plaintext.length < 1 || plaintext.length > 4096) {
    throw new RangeError(`a store encrypts 1 to 4096 bytes, not ${plaintext.length}`);
  }
}

export function checkRandomLength(byteCount: number): void {
  if (!Number.isInteger(byteCount) || byteCount < 1 || byteCount > 1024) {
    throw new RangeError("random takes an integer from 1 to 1024");
  }
}

export function checkAesKey(key: Uint8Array): void {
  if (key.length !== 16 && key.length !== 32) {
    throw new RangeError(`a store takes AES keys of 16 or 32 bytes, not ${key.length}`);
  }
}
