// Messages under a suite key: suite 1 (XAES-256-GCM with key commitment) or suite 2 (the same construction over SM4).
// assembly/suite.ts has the construction and its bounds.

import {
  COMMITMENT_BYTES,
  SUITE_1_KEY_BYTES,
  SUITE_2_KEY_BYTES,
  SUITE_NONCE_BYTES,
  TAG_BYTES,
} from "../common/const.ts";
import { assertBytes, CoreError } from "./errors.ts";
import { type CoreMemory, inPieces, TEXT_BYTES } from "./memory.ts";

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
  /** Zeroes the key. Harmless when repeated; every other call afterwards throws CoreError "HandleReleased". */
  release(): void;
}

const EMPTY = new Uint8Array(0);

/** Output may start where input starts, or share nothing with it. */
function assertApart(input: Uint8Array, output: Uint8Array): void {
  if (input.buffer !== output.buffer || input.byteOffset === output.byteOffset) return;
  const first = Math.min(input.byteOffset, output.byteOffset);
  const gap = Math.abs(input.byteOffset - output.byteOffset);
  const length = first === input.byteOffset ? input.length : output.length;
  if (gap < length) throw new CoreError("BuffersOverlap", "input and output overlap");
}

class WasmSuiteKey implements SuiteKey {
  readonly suite: Suite;
  readonly #memory: CoreMemory;
  #slot: number;

  constructor(memory: CoreMemory, suite: Suite, slot: number) {
    this.#memory = memory;
    this.suite = suite;
    this.#slot = slot;
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
    const slot = this.#live();
    assertBytes(nonce, "nonce", SUITE_NONCE_BYTES);
    assertBytes(aad, "aad");
    assertBytes(plaintext, "plaintext");
    assertBytes(ciphertext, "ciphertext", plaintext.length + TAG_BYTES);
    assertBytes(commitment, "commitment", COMMITMENT_BYTES);
    assertApart(plaintext, ciphertext);
    const { exports, bytes, text, tag } = this.#memory;
    const length = plaintext.length;
    bytes.set(nonce, this.#memory.nonce);
    if (aad.length + length <= TEXT_BYTES) {
      const start = text + aad.length;
      bytes.set(aad, text);
      bytes.set(plaintext, start);
      exports.suiteSeal(
        slot,
        this.#memory.nonce,
        text,
        aad.length,
        start,
        length,
        this.#memory.commitment,
      );
      ciphertext.set(bytes.subarray(start, start + length + TAG_BYTES));
    } else {
      try {
        exports.suiteStart(slot, this.#memory.nonce, this.#memory.commitment, aad.length + length);
        inPieces(this.#memory, aad, (size) => exports.suiteAad(text, size));
        inPieces(this.#memory, plaintext, (size, offset) => {
          exports.suiteEncrypt(text, size);
          ciphertext.set(bytes.subarray(text, text + size), offset);
        });
        exports.suiteFinish(tag);
        ciphertext.set(bytes.subarray(tag, tag + TAG_BYTES), length);
      } finally {
        exports.suiteWipe();
      }
    }
    commitment.set(
      bytes.subarray(this.#memory.commitment, this.#memory.commitment + COMMITMENT_BYTES),
    );
  }

  decrypt(
    nonce: Uint8Array,
    aad: Uint8Array,
    commitment: Uint8Array,
    ciphertextAndTag: Uint8Array,
  ): Uint8Array | null {
    assertBytes(ciphertextAndTag, "ciphertext");
    const length = ciphertextAndTag.length - TAG_BYTES;
    const plaintext = length > 0 ? new Uint8Array(length) : EMPTY;
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
    const slot = this.#live();
    assertBytes(nonce, "nonce", SUITE_NONCE_BYTES);
    assertBytes(aad, "aad");
    assertBytes(commitment, "commitment", COMMITMENT_BYTES);
    assertBytes(ciphertextAndTag, "ciphertext");
    const length = ciphertextAndTag.length - TAG_BYTES;
    assertBytes(plaintext, "plaintext", Math.max(length, 0));
    if (length < 0) return false;
    assertApart(ciphertextAndTag, plaintext);
    const { exports, bytes, text, tag } = this.#memory;
    bytes.set(nonce, this.#memory.nonce);
    bytes.set(commitment, this.#memory.commitment);
    if (aad.length + length <= TEXT_BYTES) {
      const start = text + aad.length;
      bytes.set(aad, text);
      bytes.set(ciphertextAndTag, start);
      const opened = exports.suiteOpen(
        slot,
        this.#memory.nonce,
        text,
        aad.length,
        start,
        length,
        this.#memory.commitment,
      );
      if (opened === 0) return false;
      plaintext.set(bytes.subarray(start, start + length));
      exports.wipe(start, length);
      return true;
    }
    const body = ciphertextAndTag.subarray(0, length);
    bytes.set(ciphertextAndTag.subarray(length), tag);
    try {
      exports.suiteStartOpen(
        slot,
        this.#memory.nonce,
        this.#memory.commitment,
        aad.length + length,
      );
      inPieces(this.#memory, aad, (size) => exports.suiteAad(text, size));
      inPieces(this.#memory, body, (size) => exports.suiteAuthenticate(text, size));
      if (exports.suiteVerify(tag) === 0) return false;
      inPieces(this.#memory, body, (size, offset) => {
        exports.suiteDecrypt(text, size);
        plaintext.set(bytes.subarray(text, text + size), offset);
      });
      return true;
    } finally {
      exports.suiteWipe();
      exports.wipe(text, TEXT_BYTES);
    }
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#memory.suiteKeys.give(this.#slot);
    this.#slot = 0;
  }

  #live(): number {
    if (this.#slot === 0) throw new CoreError("HandleReleased", "the suite key was released");
    return this.#slot;
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
