// GCM under a caller's own key (SP 800-38D; for SM4, RFC 8998): one-shot, and streams.
//
// With random 96-bit nonces at most 2^32 messages may be encrypted under one key (SP 800-38D §8.3). The suites of suite-key.ts
// have no such limit in practice; prefer them.

import { TAG_BYTES } from "../common/const.ts";
import { type AeadEngine, openInto, sealInto } from "./aead.ts";
import { assertCipherKey, type Cipher, expandCipherKey } from "./block-key.ts";
import { assertBytes, assertTextLength, CoreError } from "./errors.ts";
import {
  type CoreMemory,
  copyIn,
  copyOut,
  inPieces,
  MAX_NONCE_BYTES,
  TEXT_BYTES,
} from "./memory.ts";

/** A GCM key held in the module's memory. Nonces: 12 bytes, or any other length from 1 to 1,024. Tags: 16 bytes. */
export interface GcmKey {
  /** ciphertext || tag(16) */
  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Writes plaintext.length + 16 bytes; `ciphertext` may start where `plaintext` starts. */
  encryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    ciphertext: Uint8Array,
  ): void;
  /** The plaintext, or null for everything that does not open. A shortened tag does not. */
  decrypt(nonce: Uint8Array, aad: Uint8Array, ciphertextAndTag: Uint8Array): Uint8Array | null;
  /** As `decrypt`; false, and nothing written, when it does not open. */
  decryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertextAndTag: Uint8Array,
    plaintext: Uint8Array,
  ): boolean;
  /** Encryption of a message that comes in parts. */
  encryptStream(nonce: Uint8Array, aad: Uint8Array): GcmEncryptStream;
  /** Decryption of a message that comes in parts; it is kept until its tag is known. */
  decryptStream(nonce: Uint8Array, aad: Uint8Array): GcmDecryptStream;
  /** Zeroes the key. Streams still open fail from then on. */
  release(): void;
}

export interface GcmEncryptStream {
  /** The ciphertext of the next part, as long as the part. */
  update(plaintext: Uint8Array): Uint8Array;
  /** The 16-byte tag. Ends the stream. */
  final(): Uint8Array;
  /** Gives up: wipes the stream's state. Harmless after the end. */
  abort(): void;
}

export interface GcmDecryptStream {
  /** Takes the next part of the ciphertext, without the tag. */
  update(ciphertext: Uint8Array): void;
  /** The whole plaintext when `tag` is right, else null. Ends the stream. */
  final(tag: Uint8Array): Uint8Array | null;
  abort(): void;
}

class GcmEngine implements AeadEngine {
  readonly #memory: CoreMemory;
  readonly #slot: number;
  nonceBytes = 0;

  constructor(memory: CoreMemory, slot: number) {
    this.#memory = memory;
    this.#slot = slot;
  }

  seal(aad: number, aadBytes: number, text: number, length: number): void {
    const { exports, nonce } = this.#memory;
    exports.gcmSeal(this.#slot, nonce, this.nonceBytes, aad, aadBytes, text, length);
  }

  open(aad: number, aadBytes: number, text: number, length: number): number {
    const { exports, nonce } = this.#memory;
    return exports.gcmOpen(this.#slot, nonce, this.nonceBytes, aad, aadBytes, text, length);
  }

  begin(): void {
    const { exports, gcmContext, nonce } = this.#memory;
    exports.gcmStart(gcmContext, this.#slot, nonce, this.nonceBytes);
  }

  beginOpen(): void {
    this.begin();
  }

  aad(at: number, length: number): void {
    this.#memory.exports.gcmAad(this.#memory.gcmContext, at, length);
  }

  encrypt(at: number, length: number): void {
    this.#memory.exports.gcmEncrypt(this.#memory.gcmContext, at, length);
  }

  finish(tag: number): void {
    this.#memory.exports.gcmTag(this.#memory.gcmContext, tag);
  }

  authenticate(at: number, length: number): void {
    this.#memory.exports.gcmAuthenticate(this.#memory.gcmContext, at, length);
  }

  verify(tag: number): number {
    return this.#memory.exports.gcmVerify(this.#memory.gcmContext, tag);
  }

  decrypt(at: number, length: number): void {
    this.#memory.exports.gcmDecrypt(this.#memory.gcmContext, at, length);
  }

  end(): void {
    this.#memory.exports.gcmWipe(this.#memory.gcmContext);
  }
}

/** A stream's context in the module, one slot of the pool, given back at the end. */
class StreamContext {
  readonly memory: CoreMemory;
  readonly #key: WasmGcmKey;
  readonly #slot: number;
  #ended = false;
  #textBytes = 0;

  constructor(
    memory: CoreMemory,
    key: WasmGcmKey,
    keySlot: number,
    nonceBytes: number,
    aad: Uint8Array,
  ) {
    this.memory = memory;
    this.#key = key;
    this.#slot = memory.streams.take();
    const { exports, text } = memory;
    exports.gcmStart(this.#slot, keySlot, memory.nonce, nonceBytes);
    inPieces(memory, aad, (size) => exports.gcmAad(this.#slot, text, size));
  }

  /** The context's address; throws when stream or key is gone, or when `more` bytes of text would be too many. */
  live(more = 0): number {
    if (this.#ended) throw new CoreError("StreamEnded", "the stream has ended");
    if (this.#key.isReleased) {
      this.end();
      throw new CoreError("HandleReleased", "the GCM key was released");
    }
    assertTextLength(this.#textBytes + more);
    this.#textBytes += more;
    return this.#slot;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.memory.exports.wipeCipher();
    this.memory.streams.give(this.#slot);
  }
}

class WasmEncryptStream implements GcmEncryptStream {
  readonly #context: StreamContext;

  constructor(context: StreamContext) {
    this.#context = context;
  }

  update(plaintext: Uint8Array): Uint8Array {
    assertBytes(plaintext, "plaintext");
    const slot = this.#context.live(plaintext.length);
    const { exports, text } = this.#context.memory;
    const ciphertext = new Uint8Array(plaintext.length);
    inPieces(this.#context.memory, plaintext, (size, offset) => {
      exports.gcmEncrypt(slot, text, size);
      copyOut(this.#context.memory, text, ciphertext, offset, size);
    });
    exports.wipeCipher();
    return ciphertext;
  }

  final(): Uint8Array {
    const slot = this.#context.live();
    const { exports, bytes, tag } = this.#context.memory;
    exports.gcmTag(slot, tag);
    this.#context.end();
    return bytes.slice(tag, tag + TAG_BYTES);
  }

  abort(): void {
    this.#context.end();
  }
}

class WasmDecryptStream implements GcmDecryptStream {
  readonly #context: StreamContext;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(context: StreamContext) {
    this.#context = context;
  }

  update(ciphertext: Uint8Array): void {
    assertBytes(ciphertext, "ciphertext");
    const slot = this.#context.live(ciphertext.length);
    const { exports, text } = this.#context.memory;
    const part = new Uint8Array(ciphertext); // what is decrypted later must be what was authenticated
    inPieces(this.#context.memory, part, (size) => exports.gcmAuthenticate(slot, text, size));
    this.#parts.push(part);
    this.#length += part.length;
  }

  final(tag: Uint8Array): Uint8Array | null {
    assertBytes(tag, "tag");
    const slot = this.#context.live();
    const { memory } = this.#context;
    const { exports, bytes, text } = memory;
    try {
      if (tag.length !== TAG_BYTES) return null;
      copyIn(bytes, memory.tag, tag);
      if (exports.gcmVerify(slot, memory.tag) === 0) return null;
      const plaintext = new Uint8Array(this.#length);
      let done = 0;
      for (const part of this.#parts) {
        inPieces(memory, part, (size, offset) => {
          exports.gcmDecrypt(slot, text, size);
          copyOut(memory, text, plaintext, done + offset, size);
        });
        done += part.length;
      }
      exports.wipe(text, Math.min(this.#length, TEXT_BYTES));
      return plaintext;
    } finally {
      this.#context.end();
    }
  }

  abort(): void {
    this.#context.end();
  }
}

class WasmGcmKey implements GcmKey {
  readonly #memory: CoreMemory;
  readonly #engine: GcmEngine;
  #slot: number;

  constructor(memory: CoreMemory, slot: number) {
    this.#memory = memory;
    this.#slot = slot;
    this.#engine = new GcmEngine(memory, slot);
  }

  get isReleased(): boolean {
    return this.#slot === 0;
  }

  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    assertBytes(plaintext, "plaintext");
    const ciphertext = new Uint8Array(plaintext.length + TAG_BYTES);
    this.encryptInto(nonce, aad, plaintext, ciphertext);
    return ciphertext;
  }

  encryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    ciphertext: Uint8Array,
  ): void {
    this.#takeNonce(nonce);
    sealInto(this.#memory, this.#engine, aad, plaintext, ciphertext);
  }

  decrypt(nonce: Uint8Array, aad: Uint8Array, ciphertextAndTag: Uint8Array): Uint8Array | null {
    assertBytes(ciphertextAndTag, "ciphertext");
    const plaintext = new Uint8Array(Math.max(ciphertextAndTag.length - TAG_BYTES, 0));
    return this.decryptInto(nonce, aad, ciphertextAndTag, plaintext) ? plaintext : null;
  }

  decryptInto(
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertextAndTag: Uint8Array,
    plaintext: Uint8Array,
  ): boolean {
    this.#takeNonce(nonce);
    return openInto(this.#memory, this.#engine, aad, ciphertextAndTag, plaintext);
  }

  encryptStream(nonce: Uint8Array, aad: Uint8Array): GcmEncryptStream {
    return new WasmEncryptStream(this.#stream(nonce, aad));
  }

  decryptStream(nonce: Uint8Array, aad: Uint8Array): GcmDecryptStream {
    return new WasmDecryptStream(this.#stream(nonce, aad));
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#memory.gcmKeys.give(this.#slot);
    this.#slot = 0;
  }

  #stream(nonce: Uint8Array, aad: Uint8Array): StreamContext {
    assertBytes(aad, "aad");
    this.#takeNonce(nonce);
    return new StreamContext(this.#memory, this, this.#slot, nonce.length, aad);
  }

  #takeNonce(nonce: Uint8Array): void {
    if (this.#slot === 0) throw new CoreError("HandleReleased", "the GCM key was released");
    assertBytes(nonce, "nonce");
    if (nonce.length === 0 || nonce.length > MAX_NONCE_BYTES) {
      throw new RangeError(`nonce: expected 1..${MAX_NONCE_BYTES} bytes, got ${nonce.length}`);
    }
    copyIn(this.#memory.bytes, this.#memory.nonce, nonce);
    this.#engine.nonceBytes = nonce.length;
  }
}

/** Copies `key` (AES: 16, 24 or 32 bytes, SM4: 16) into the module's memory; the caller wipes its own. */
export function openGcmKey(memory: CoreMemory, cipher: Cipher, key: Uint8Array): GcmKey {
  assertCipherKey(cipher, key);
  const slot = memory.gcmKeys.take();
  expandCipherKey(memory, cipher, key, slot);
  memory.exports.gcmKeyReady(slot);
  memory.exports.gcmExpect(slot, TEXT_BYTES); // a key that is kept gets all its tables at once
  memory.exports.wipeCipher();
  return new WasmGcmKey(memory, slot);
}
