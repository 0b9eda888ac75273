// Messages under a suite key: suite 1 (XAES-256-GCM with key commitment) or suite 2 (the same construction over SM4).
// assembly/suite.ts has the construction and its bounds.

import {
  COMMITMENT_BYTES,
  SUITE_1_KEY_BYTES,
  SUITE_2_KEY_BYTES,
  SUITE_NONCE_BYTES,
  TAG_BYTES,
} from "../common/const.ts";
import { type AeadEngine, openInto, sealInto } from "./aead.ts";
import { assertBytes, CoreError } from "./errors.ts";
import { type CoreMemory, copyIn, copyOut } from "./memory.ts";

export type Suite = 1 | 2;

/** What `SuiteKey.encrypt` returns. */
export interface SealedMessage {
  /** 32 bytes; commits to key and nonce. */
  readonly commitment: Uint8Array;
  /** ciphertext || tag(16) */
  readonly ciphertext: Uint8Array;
}

/** A key held in the module's memory. Not tied to a message: any number may be encrypted, see the bound in suite.ts. */
export interface SuiteKey {
  readonly suite: Suite;
  /** `nonce`: 24 bytes, fresh and random for every message. The arguments are only read. */
  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): SealedMessage;
  /**
   * As `encrypt`, writing to memory of the caller: `ciphertext` takes plaintext.length + 16 bytes and may start where
   * `plaintext` starts; `commitment` takes 32.
   */
  encryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    ciphertext: Uint8Array,
    commitment: Uint8Array,
  ): void;
  /**
   * The plaintext, or null when the message does not open: wrong key, nonce, associated data, commitment, ciphertext
   * or tag, or too short for a tag, all alike. The caller owns and wipes the plaintext.
   */
  decrypt(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Uint8Array | null;
  /** As `decrypt`, writing ciphertextAndTag.length - 16 bytes; false, and nothing written, when it does not open. */
  decryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
    plaintext: Uint8Array,
  ): boolean;
  /**
   * The key of one message, 32 bytes (suite 2: 16), and its commitment, to memory of the caller: for GCM done elsewhere
   * (dispatch.ts), with the last 12 bytes of the nonce. The caller wipes the key and compares the commitment.
   */
  deriveInto(nonce: Uint8Array, commitment: Uint8Array, messageKey: Uint8Array): void;
  /** Zeroes the key. Harmless when repeated; every other call afterwards throws CoreError "HandleReleased". */
  release(): void;
}

class SuiteEngine implements AeadEngine {
  readonly #memory: CoreMemory;
  readonly #slot: number;

  constructor(memory: CoreMemory, slot: number) {
    this.#memory = memory;
    this.#slot = slot;
  }

  seal(aad: number, aadBytes: number, text: number, length: number): void {
    const { exports, nonce, commitment } = this.#memory;
    exports.suiteSeal(this.#slot, nonce, aad, aadBytes, text, length, commitment);
  }

  open(aad: number, aadBytes: number, text: number, length: number): number {
    const { exports, nonce, commitment } = this.#memory;
    return exports.suiteOpen(this.#slot, nonce, aad, aadBytes, text, length, commitment);
  }

  begin(expected: number): void {
    const { exports, nonce, commitment } = this.#memory;
    exports.suiteStart(this.#slot, nonce, commitment, expected);
  }

  beginOpen(expected: number): void {
    const { exports, nonce, commitment } = this.#memory;
    exports.suiteStartOpen(this.#slot, nonce, commitment, expected);
  }

  aad(at: number, length: number): void {
    this.#memory.exports.suiteAad(at, length);
  }

  encrypt(at: number, length: number): void {
    this.#memory.exports.suiteEncrypt(at, length);
  }

  finish(tag: number): void {
    this.#memory.exports.suiteFinish(tag);
  }

  authenticate(at: number, length: number): void {
    this.#memory.exports.suiteAuthenticate(at, length);
  }

  verify(tag: number): number {
    return this.#memory.exports.suiteVerify(tag);
  }

  decrypt(at: number, length: number): void {
    this.#memory.exports.suiteDecrypt(at, length);
  }

  end(): void {
    this.#memory.exports.suiteWipe();
  }
}

class WasmSuiteKey implements SuiteKey {
  readonly suite: Suite;
  readonly #memory: CoreMemory;
  readonly #engine: SuiteEngine;
  #slot: number;

  constructor(memory: CoreMemory, suite: Suite, slot: number) {
    this.#memory = memory;
    this.suite = suite;
    this.#slot = slot;
    this.#engine = new SuiteEngine(memory, slot);
  }

  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): SealedMessage {
    assertBytes(plaintext, "plaintext");
    const commitment = new Uint8Array(COMMITMENT_BYTES);
    const ciphertext = new Uint8Array(plaintext.length + TAG_BYTES);
    this.encryptInto(nonce, aad, plaintext, ciphertext, commitment);
    return { commitment, ciphertext };
  }

  encryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    ciphertext: Uint8Array,
    commitment: Uint8Array,
  ): void {
    this.#assertLive();
    assertBytes(nonce, "nonce", SUITE_NONCE_BYTES);
    assertBytes(commitment, "commitment", COMMITMENT_BYTES);
    const memory = this.#memory;
    copyIn(memory.bytes, memory.nonce, nonce);
    sealInto(memory, this.#engine, aad, plaintext, ciphertext);
    commitment.set(memory.commitmentView);
  }

  decrypt(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Uint8Array | null {
    assertBytes(ciphertextAndTag, "ciphertext");
    const plaintext = new Uint8Array(Math.max(ciphertextAndTag.length - TAG_BYTES, 0));
    const opened = this.decryptInto(nonce, aad, commitment, ciphertextAndTag, plaintext);
    return opened ? plaintext : null;
  }

  decryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
    plaintext: Uint8Array,
  ): boolean {
    this.#assertLive();
    assertBytes(nonce, "nonce", SUITE_NONCE_BYTES);
    assertBytes(commitment, "commitment", COMMITMENT_BYTES);
    copyIn(this.#memory.bytes, this.#memory.nonce, nonce);
    copyIn(this.#memory.bytes, this.#memory.commitment, commitment);
    return openInto(this.#memory, this.#engine, aad, ciphertextAndTag, plaintext);
  }

  deriveInto(nonce: Uint8Array, commitment: Uint8Array, messageKey: Uint8Array): void {
    this.#assertLive();
    const keyBytes = this.suite === 1 ? SUITE_1_KEY_BYTES : SUITE_2_KEY_BYTES;
    assertBytes(nonce, "nonce", SUITE_NONCE_BYTES);
    assertBytes(commitment, "commitment", COMMITMENT_BYTES);
    assertBytes(messageKey, "messageKey", keyBytes);
    const { exports, bytes, nonce: nonceAt, commitment: commitmentAt, key } = this.#memory;
    copyIn(bytes, nonceAt, nonce);
    exports.suiteDerive(this.#slot, nonceAt, commitmentAt, key);
    commitment.set(this.#memory.commitmentView);
    copyOut(this.#memory, key, messageKey, 0, keyBytes);
    exports.wipe(key, SUITE_1_KEY_BYTES);
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#memory.suiteKeys.give(this.#slot);
    this.#slot = 0;
  }

  #assertLive(): void {
    if (this.#slot === 0) throw new CoreError("HandleReleased", "the suite key was released");
  }
}

/** Copies `key` into the module's memory; the caller wipes its own. */
export function openSuiteKey(memory: CoreMemory, suite: Suite, key: Uint8Array): SuiteKey {
  if (suite !== 1 && suite !== 2) throw new RangeError(`suite: expected 1 or 2, got ${suite}`);
  assertBytes(key, "key", suite === 1 ? SUITE_1_KEY_BYTES : SUITE_2_KEY_BYTES);
  const slot = memory.suiteKeys.take();
  memory.bytes.set(key, memory.key);
  memory.exports.suiteInit(slot, suite, memory.key);
  memory.exports.wipe(memory.key, key.length);
  return new WasmSuiteKey(memory, suite, slot);
}
