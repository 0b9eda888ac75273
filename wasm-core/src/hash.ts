// SHA-256, SM3 and HMAC over either. Messages of any length; one call is one message.

import { DIGEST_BYTES, SHA256, SM3 } from "../common/const.ts";
import { assertBytes, CoreError } from "./errors.ts";
import { type CoreMemory, copyIn, inPieces, TEXT_BYTES } from "./memory.ts";

export type HashName = "SHA-256" | "SM3";

const KINDS: Readonly<Record<HashName, number>> = { "SHA-256": SHA256, SM3 };

// Digests come out at the start of the text area, so that one wipe takes them and the message.

/** An HMAC key held in the module's memory, its two pads already hashed. */
export interface HmacKey {
  /** 32 bytes. */
  sign(data: Uint8Array): Uint8Array;
  /** Compares all 32 bytes in constant time; a `mac` of another length is false. */
  verify(data: Uint8Array, mac: Uint8Array): boolean;
  /** Zeroes the key. Harmless when repeated; every other call afterwards throws CoreError "HandleReleased". */
  release(): void;
}

export function digest(memory: CoreMemory, hash: HashName, data: Uint8Array): Uint8Array {
  assertBytes(data, "data");
  const { exports, bytes, text } = memory;
  if (memory.workspace.has(data)) {
    exports.hash(KINDS[hash], data.byteOffset, data.length, text);
    return takeDigest(memory, 0);
  }
  if (data.length <= TEXT_BYTES) {
    copyIn(bytes, text, data);
    exports.hash(KINDS[hash], text, data.length, text);
  } else {
    exports.hashStart(memory.hashContext, KINDS[hash]);
    inPieces(memory, data, (length) => exports.hashUpdate(memory.hashContext, text, length));
    exports.hashFinish(memory.hashContext, text);
  }
  return takeDigest(memory, data.length);
}

/** The digest at the start of the text area, which held `used` bytes. */
function takeDigest(memory: CoreMemory, used: number): Uint8Array {
  const result = new Uint8Array(DIGEST_BYTES);
  result.set(memory.textView32);
  memory.exports.wipe(memory.text, Math.min(used, TEXT_BYTES - DIGEST_BYTES) + DIGEST_BYTES);
  return result;
}

class WasmHmacKey implements HmacKey {
  readonly #memory: CoreMemory;
  #slot: number;

  constructor(memory: CoreMemory, slot: number) {
    this.#memory = memory;
    this.#slot = slot;
  }

  sign(data: Uint8Array): Uint8Array {
    this.#mac(data);
    return takeDigest(this.#memory, data.length);
  }

  verify(data: Uint8Array, mac: Uint8Array): boolean {
    assertBytes(mac, "mac");
    this.#mac(data);
    const { exports, bytes, commitment, text } = this.#memory;
    let equal = 0;
    if (mac.length === DIGEST_BYTES) {
      copyIn(bytes, commitment, mac);
      equal = exports.equal(text, commitment, DIGEST_BYTES);
      exports.wipe(commitment, DIGEST_BYTES);
    }
    exports.wipe(text, Math.min(data.length, TEXT_BYTES - DIGEST_BYTES) + DIGEST_BYTES);
    return equal === 1;
  }

  release(): void {
    if (this.#slot === 0) return;
    this.#memory.hmacKeys.give(this.#slot);
    this.#slot = 0;
  }

  #mac(data: Uint8Array): void {
    if (this.#slot === 0) throw new CoreError("HandleReleased", "the HMAC key was released");
    assertBytes(data, "data");
    const { exports, bytes, text, hashContext } = this.#memory;
    if (data.length <= TEXT_BYTES) {
      copyIn(bytes, text, data);
      exports.hmac(this.#slot, text, data.length, text);
    } else {
      exports.hmacStart(hashContext, this.#slot);
      inPieces(this.#memory, data, (length) => exports.hashUpdate(hashContext, text, length));
      exports.hmacFinish(hashContext, this.#slot, text);
    }
  }
}

/** Copies `key` (any length) into the module's memory; the caller wipes its own. */
export function openHmacKey(memory: CoreMemory, hash: HashName, key: Uint8Array): HmacKey {
  assertBytes(key, "key");
  // RFC 2104 §2: a key longer than a block is replaced by its digest. Done here for keys longer than the text area.
  if (key.length > TEXT_BYTES) return openHmacKey(memory, hash, digest(memory, hash, key));
  const slot = memory.hmacKeys.take();
  memory.bytes.set(key, memory.text);
  memory.exports.hmacInit(slot, KINDS[hash], memory.text, key.length);
  memory.exports.wipe(memory.text, key.length);
  return new WasmHmacKey(memory, slot);
}

/** HKDF (RFC 5869) with the hash's HMAC: `length` bytes, at most 255 * 32. */
export function hkdf(
  memory: CoreMemory,
  hash: HashName,
  key: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  assertBytes(info, "info");
  if (!Number.isInteger(length) || length < 0 || length > 255 * DIGEST_BYTES) {
    throw new RangeError(`length: expected 0..${255 * DIGEST_BYTES}, got ${length}`);
  }
  const extract = openHmacKey(memory, hash, salt);
  let pseudorandom: Uint8Array;
  try {
    pseudorandom = extract.sign(key);
  } finally {
    extract.release();
  }
  const expand = openHmacKey(memory, hash, pseudorandom);
  pseudorandom.fill(0);
  // T(n) = HMAC(T(n-1) || info || n), RFC 5869 §2.3; T(0) is empty.
  const input = new Uint8Array(DIGEST_BYTES + info.length + 1);
  input.set(info, DIGEST_BYTES);
  const result = new Uint8Array(length);
  try {
    for (let offset = 0, n = 1; offset < length; offset += DIGEST_BYTES, n++) {
      input[input.length - 1] = n;
      const block = expand.sign(n === 1 ? input.subarray(DIGEST_BYTES) : input);
      input.set(block);
      result.set(block.subarray(0, length - offset), offset);
      block.fill(0);
    }
  } finally {
    expand.release();
    input.fill(0);
  }
  return result;
}
