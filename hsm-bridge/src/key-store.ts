/**
 * What the bridge asks of the place that holds master keys. Two implementations: `pkcs11/` (any token) and `software/`
 * (an encrypted file for development, no HSM). One test suite runs over both.
 *
 * Keys are AES-256 (FIPS 197) and are used with GCM (SP 800-38D) only. The nonce of 96 random bits is made inside the
 * store, so that no caller can repeat one. SP 800-38D §8.3 then allows 2^32 encryptions per key: a key version wraps one
 * branch key per edge group and period, the sealing key one SecretKey per access key, so the bound is out of reach.
 */

import type { BridgeResponse, Bytes } from "@edge-kms/protocol";

/** `pkcs11` or `software`, as it stands in every grant and audit record. */
export type StoreKind = BridgeResponse<"status">["store"];

/** Length of the nonce before, and of the tag behind, the ciphertext that a store answers. */
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/** Object ids are printable and short: they become CKA_ID (their UTF-8) and part of CKA_LABEL. */
export const objectIdPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** One secret key found in the store. */
export interface StoredObject {
  /** Id under which `generateAesKey` made it; null for an object that has no id of our form. */
  readonly id: string | null;
  /** CKA_LABEL or null. For the quarantine record only. */
  readonly label: string | null;
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
  /** Makes a non-extractable AES-256 key. When it resolves, the key survives kill -9 of every process. */
  generateAesKey(id: string): Promise<void>;
  /** AES-256-GCM; answers `nonce(12) || ciphertext || tag(16)`. The plaintext is 1–4096 bytes. */
  aesGcmEncrypt(id: string, plaintext: Uint8Array, associatedData: Uint8Array): Promise<Bytes>;
  /** Opens what `aesGcmEncrypt` answered. Nothing of the plaintext leaves before the tag is verified. */
  aesGcmDecrypt(id: string, sealed: Uint8Array, associatedData: Uint8Array): Promise<Bytes>;
  /** Destroys a key. False when there was none: destroying twice is no error. */
  destroyKey(id: string): Promise<boolean>;
  /**
   * Removes what a crash of the store left half-made: objects with neither id nor label nor key value, which nobody can
   * use and no creation can have acknowledged. Answers how many.
   */
  removeHollowObjects(): Promise<number>;
  /** All secret-key objects in the store, ours or not. */
  listObjects(): Promise<readonly StoredObject[]>;
  /** 1–1024 bytes from the store's generator. */
  random(byteCount: number): Promise<Bytes>;
  /** Known answers and refusals; rejects when the store does not do what it must. */
  selfTest(): Promise<SelfTestReport>;
  /** Ends in-flight work, then releases everything. Idempotent. */
  close(): Promise<void>;
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
