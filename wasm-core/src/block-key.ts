// A bare block cipher and the modes that do not authenticate: ECB blocks, CBC and CTR (SP 800-38A), and CMAC (SP 800-38B),
// which only authenticates. Building blocks for other constructions; to protect data use a suite or GCM.

import { BLOCK_BYTES } from "../common/const.ts";
import { assertBytes, CoreError } from "./errors.ts";
import { type CoreMemory, copyIn, copyOut, inPieces, TEXT_BYTES } from "./memory.ts";

export type Cipher = "AES" | "SM4";

/** AES or SM4 key held in the module's memory, for both directions. All results are new arrays. */
export interface BlockKey {
  /** ECB: every 16-byte block by itself. */
  encryptBlocks(blocks: Uint8Array): Uint8Array;
  decryptBlocks(blocks: Uint8Array): Uint8Array;
  /** CBC over whole blocks, no padding: that is the caller's, and so is the danger of a padding oracle. */
  cbcEncrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array;
  cbcDecrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array;
  /** CTR over any number of bytes, encryption and decryption alike; the 16-byte counter is one big-endian number. */
  ctr(counter: Uint8Array, data: Uint8Array): Uint8Array;
  /** 16 bytes. `data` of at most 65,536 bytes. */
  cmac(data: Uint8Array): Uint8Array;
  /** Zeroes the key. Harmless when repeated; every other call afterwards throws CoreError "HandleReleased". */
  release(): void;
}

export function assertCipherKey(cipher: Cipher, key: Uint8Array): void {
  assertBytes(key, "key");
  if (cipher === "AES") {
    if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
      throw new RangeError(`key: expected 16, 24 or 32 bytes, got ${key.length}`);
    }
  } else if (cipher === "SM4") assertBytes(key, "key", 16);
  else throw new RangeError("cipher: expected AES or SM4");
}

/** Expands a checked key to the cipher key at `slot`. */
export function expandCipherKey(
  memory: CoreMemory,
  cipher: Cipher,
  key: Uint8Array,
  slot: number,
): void {
  copyIn(memory.bytes, memory.key, key);
  if (cipher === "AES") memory.exports.aesExpand(slot, memory.key, key.length);
  else memory.exports.sm4Expand(slot, memory.key);
  memory.exports.wipe(memory.key, key.length);
}

class WasmBlockKey implements BlockKey {
  readonly #memory: CoreMemory;
  readonly #inverse: number;
  #slot: number;

  constructor(memory: CoreMemory, slot: number, inverse: number) {
    this.#memory = memory;
    this.#slot = slot;
    this.#inverse = inverse;
  }

  encryptBlocks(blocks: Uint8Array): Uint8Array {
    const { exports, text } = this.#memory;
    return this.#mapBlocks(blocks, (count) => exports.encryptBlocks(this.#slot, text, text, count));
  }

  decryptBlocks(blocks: Uint8Array): Uint8Array {
    const { exports, text } = this.#memory;
    return this.#mapBlocks(blocks, (count) =>
      exports.decryptBlocks(this.#inverse, text, text, count),
    );
  }

  cbcEncrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array {
    const { exports, text, nonce } = this.#memory;
    this.#takeBlock(iv, "iv");
    return this.#mapBlocks(blocks, (count) => exports.cbcEncrypt(this.#slot, nonce, text, count));
  }

  cbcDecrypt(iv: Uint8Array, blocks: Uint8Array): Uint8Array {
    const { exports, text, nonce } = this.#memory;
    this.#takeBlock(iv, "iv");
    return this.#mapBlocks(blocks, (count) =>
      exports.cbcDecrypt(this.#inverse, nonce, text, count),
    );
  }

  ctr(counter: Uint8Array, data: Uint8Array): Uint8Array {
    const { exports, text, nonce } = this.#memory;
    this.#takeBlock(counter, "counter");
    return this.#map(data, (size) => {
      const whole = size & ~(BLOCK_BYTES - 1);
      exports.ctrBlocks(this.#slot, nonce, text, whole / BLOCK_BYTES);
      if (whole < size) exports.ctrTail(this.#slot, nonce, text + whole, size - whole);
    });
  }

  cmac(data: Uint8Array): Uint8Array {
    this.#assertLive();
    assertBytes(data, "data");
    if (data.length > TEXT_BYTES) {
      throw new RangeError(`data: expected at most ${TEXT_BYTES} bytes, got ${data.length}`);
    }
    const { exports, bytes, text, tag } = this.#memory;
    copyIn(bytes, text, data);
    exports.cmac(this.#slot, tag, text, data.length);
    exports.wipe(text, data.length);
    const mac = new Uint8Array(BLOCK_BYTES);
    copyOut(this.#memory, tag, mac, 0, BLOCK_BYTES);
    exports.wipe(tag, BLOCK_BYTES); // as a key derivation function CMAC makes keys
    return mac;
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#memory.blockKeys.give(this.#slot);
    this.#slot = 0;
  }

  #assertLive(): void {
    if (this.#slot === 0) throw new CoreError("HandleReleased", "the block key was released");
  }

  #takeBlock(block: Uint8Array, name: string): void {
    assertBytes(block, name, BLOCK_BYTES);
    copyIn(this.#memory.bytes, this.#memory.nonce, block);
  }

  #mapBlocks(blocks: Uint8Array, run: (count: number) => void): Uint8Array {
    assertBytes(blocks, "blocks");
    if (blocks.length % BLOCK_BYTES !== 0) {
      throw new RangeError(`blocks: expected a multiple of 16 bytes, got ${blocks.length}`);
    }
    return this.#map(blocks, (size) => run(size / BLOCK_BYTES));
  }

  #map(data: Uint8Array, run: (size: number) => void): Uint8Array {
    this.#assertLive();
    assertBytes(data, "data");
    const { exports, text, nonce } = this.#memory;
    const result = new Uint8Array(data.length);
    inPieces(this.#memory, data, (size, offset) => {
      run(size);
      copyOut(this.#memory, text, result, offset, size);
    });
    exports.wipe(text, Math.min(data.length, TEXT_BYTES));
    exports.wipe(nonce, BLOCK_BYTES);
    exports.wipeCipher();
    return result;
  }
}

/** Copies `key` (AES: 16, 24 or 32 bytes, SM4: 16) into the module's memory; the caller wipes its own. */
export function openBlockKey(memory: CoreMemory, cipher: Cipher, key: Uint8Array): BlockKey {
  assertCipherKey(cipher, key);
  const slot = memory.blockKeys.take();
  const inverse = slot + memory.exports.cipherKeySize.value;
  expandCipherKey(memory, cipher, key, slot);
  memory.exports.invertKey(inverse, slot);
  return new WasmBlockKey(memory, slot, inverse);
}
