// AES through whichever is faster: this module for short messages, the runtime's WebCrypto, which has the processor's AES
// instructions but costs microseconds per call, for long ones. The bytes are the same either way.
//
// The price of WebCrypto: the key lies in the runtime's memory too, out of reach of `release`, and answers are asynchronous. SM4 stays
// here: WebCrypto has none.

import { COMMITMENT_BYTES, SUITE_1_KEY_BYTES, TAG_BYTES } from "../common/const.ts";
import type { Core } from "./core.ts";
import { assertBytes } from "./errors.ts";
import type { GcmKey } from "./gcm-key.ts";
import type { SealedMessage, SuiteKey } from "./suite-key.ts";

/**
 * From how many bytes of text on WebCrypto is faster, measured with `npm run bench` (2026-11-23, relaxed build; README): with a key that
 * WebCrypto holds already, and with a key derived for the message, which it must import first.
 */
export const CROSSOVER_BYTES = {
  node: { cachedKey: 32_768, derivedKey: 524_288 },
  workerd: { cachedKey: 1_280, derivedKey: 1_792 },
} as const;

export type Runtime = keyof typeof CROSSOVER_BYTES;

/** The part of `crypto.subtle` that is used; `K` is the runtime's CryptoKey. */
export interface Subtle<K> {
  importKey(
    format: "raw",
    key: Uint8Array<ArrayBuffer>,
    algorithm: "AES-GCM",
    extractable: boolean,
    usages: ("encrypt" | "decrypt")[],
  ): Promise<K>;
  encrypt(parameters: GcmParameters, key: K, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
  decrypt(parameters: GcmParameters, key: K, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
}

export interface GcmParameters {
  readonly name: "AES-GCM";
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly additionalData: Uint8Array<ArrayBuffer>;
}

/** As GcmKey, asynchronous. */
export interface DispatchedGcmKey {
  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
  decrypt(
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Promise<Uint8Array | null>;
  release(): void;
}

/** As SuiteKey of suite 1, asynchronous. */
export interface DispatchedSuiteKey {
  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<SealedMessage>;
  decrypt(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Promise<Uint8Array | null>;
  release(): void;
}

/** WebCrypto takes no shared memory, and reads its arguments after the call: it gets copies. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function parameters(nonce: Uint8Array, aad: Uint8Array): GcmParameters {
  return { name: "AES-GCM", iv: copyOf(nonce), additionalData: copyOf(aad) };
}

/** Decrypts, or null when WebCrypto refuses, for whatever reason. */
async function decryptOrNull<K>(
  subtle: Subtle<K>,
  key: K,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertextAndTag: Uint8Array,
): Promise<Uint8Array | null> {
  try {
    return new Uint8Array(
      await subtle.decrypt(parameters(nonce, aad), key, copyOf(ciphertextAndTag)),
    );
  } catch {
    return null;
  }
}

/** An AES-GCM key of 16, 24 or 32 bytes, copied; the caller wipes its own. Nonces of 12 bytes go either way, others stay here. */
export async function dispatchGcmKey<K>(
  core: Core,
  subtle: Subtle<K>,
  runtime: Runtime,
  key: Uint8Array,
): Promise<DispatchedGcmKey> {
  const crossover = CROSSOVER_BYTES[runtime].cachedKey;
  const here: GcmKey = core.gcmKey("AES", key);
  const raw = copyOf(key);
  let released = false;
  let there: K;
  try {
    there = await subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  } catch (error) {
    here.release();
    throw error;
  } finally {
    raw.fill(0);
  }
  const goesThere = (nonce: Uint8Array, bytes: number) =>
    !released && nonce.length === 12 && bytes >= crossover;
  return {
    async encrypt(nonce, aad, plaintext) {
      assertBytes(plaintext, "plaintext");
      if (!goesThere(nonce, plaintext.length)) return here.encrypt(nonce, aad, plaintext);
      return new Uint8Array(await subtle.encrypt(parameters(nonce, aad), there, copyOf(plaintext)));
    },
    async decrypt(nonce, aad, ciphertextAndTag) {
      assertBytes(ciphertextAndTag, "ciphertext");
      const bytes = ciphertextAndTag.length - TAG_BYTES;
      if (!goesThere(nonce, bytes)) return here.decrypt(nonce, aad, ciphertextAndTag);
      return decryptOrNull(subtle, there, nonce, aad, ciphertextAndTag);
    },
    release() {
      released = true;
      here.release();
    },
  };
}

/** A suite 1 key, copied; the caller wipes its own. Message keys for WebCrypto are derived here and wiped once imported. */
export function dispatchSuiteKey<K>(
  core: Core,
  subtle: Subtle<K>,
  runtime: Runtime,
  key: Uint8Array,
): DispatchedSuiteKey {
  const crossover = CROSSOVER_BYTES[runtime].derivedKey;
  const here: SuiteKey = core.suiteKey(1, key);
  async function importMessageKey(
    nonce: Uint8Array,
    commitment: Uint8Array,
    usage: "encrypt" | "decrypt",
  ): Promise<K> {
    const messageKey = new Uint8Array(SUITE_1_KEY_BYTES);
    here.deriveInto(nonce, commitment, messageKey);
    try {
      return await subtle.importKey("raw", messageKey, "AES-GCM", false, [usage]);
    } finally {
      messageKey.fill(0);
    }
  }
  return {
    async encrypt(nonce, aad, plaintext) {
      assertBytes(plaintext, "plaintext");
      if (plaintext.length < crossover) return here.encrypt(nonce, aad, plaintext);
      const [iv, text, data] = [copyOf(nonce).subarray(12), copyOf(plaintext), copyOf(aad)];
      const commitment = new Uint8Array(COMMITMENT_BYTES);
      const messageKey = await importMessageKey(nonce, commitment, "encrypt");
      const ciphertext = await subtle.encrypt(parameters(iv, data), messageKey, text);
      return { commitment, ciphertext: new Uint8Array(ciphertext) };
    },
    async decrypt(nonce, aad, commitment, ciphertextAndTag) {
      assertBytes(ciphertextAndTag, "ciphertext");
      assertBytes(commitment, "commitment", COMMITMENT_BYTES);
      if (ciphertextAndTag.length - TAG_BYTES < crossover) {
        return here.decrypt(nonce, aad, commitment, ciphertextAndTag);
      }
      const [iv, text, data] = [copyOf(nonce).subarray(12), copyOf(ciphertextAndTag), copyOf(aad)];
      const computed = new Uint8Array(COMMITMENT_BYTES);
      const imported = importMessageKey(nonce, computed, "decrypt");
      const isCommitted = core.timingSafeEqual(computed, commitment);
      const plaintext = await decryptOrNull(subtle, await imported, iv, data, text);
      if (isCommitted) return plaintext;
      plaintext?.fill(0);
      return null;
    },
    release() {
      here.release();
    },
  };
}
