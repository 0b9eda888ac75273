// The corners of SP 800-38D that random cases do not reach.

import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { assertTextLength, MAX_TEXT_BYTES } from "../src/errors.ts";
import { type ExportedMemory, instantiate } from "../src/web-assembly.ts";
import { BUILDS, coreOf, EMPTY, moduleOf, toHex } from "./support/builds.ts";

/** GF(2^128) as SP 800-38D §6.3 has it: the leftmost bit of a block is x^0, and so bit 127 of the number. */
function times(x: bigint, y: bigint): bigint {
  let product = 0n;
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((x >> bit) & 1n) product ^= y;
    y = y & 1n ? (y >> 1n) ^ (0xe1n << 120n) : y >> 1n;
  }
  return product;
}

function inverse(x: bigint): bigint {
  let result = 1n << 127n;
  let square = x;
  for (let n = 1; n < 128; n++) {
    square = times(square, square);
    result = times(result, square);
  }
  return result; // x^(2^128 - 2)
}

function toBytes(x: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(x.toString(16).padStart(32, "0"), "hex"));
}

describe.each(BUILDS)("GCM corners, %s build", (build) => {
  const core = coreOf(build);

  test("the counter wraps at 2^32 without touching the other 96 bits", () => {
    const raw = new Uint8Array(32).fill(0x42);
    const block = core.blockKey("AES", raw);
    const h = BigInt(`0x${toHex(block.encryptBlocks(new Uint8Array(16)))}`);
    const key = core.gcmKey("AES", raw);
    for (const last of [0xffffffffn, 0xfffffffen, 0xfffffff5n, 0xffffff00n]) {
      // The 16-byte nonce whose J0 = (N*H + [128])*H ends in `last`.
      const j0 = (0x0123456789abcdef01234567n << 32n) | last;
      const nonce = toBytes(times(times(j0, inverse(h)) ^ 128n, inverse(h)));
      for (const length of [16, 33, 320, 5000]) {
        const plaintext = new Uint8Array(length).fill(length);
        const cipher = createCipheriv("aes-256-gcm", raw, nonce);
        const expected = Buffer.concat([cipher.update(plaintext), cipher.final()]);
        const sealed = key.encrypt(nonce, EMPTY, plaintext);
        expect(toHex(sealed)).toBe(toHex(expected) + cipher.getAuthTag().toString("hex"));
        expect(key.decrypt(nonce, EMPTY, sealed)).toEqual(plaintext);
      }
    }
  });

  test("an all-zero hash key gives the hash zero, and so the tag E(J0)", () => {
    const raw = new Uint8Array(32).fill(0x42);
    const exports = instantiate(moduleOf(build)) as {
      memory: ExportedMemory;
      gcmKeySize: { value: number };
      cipherKeySize: { value: number };
      heapBase(): number;
      [name: string]: unknown;
    };
    const call = (name: string, ...args: number[]) =>
      (exports[name] as (...values: number[]) => number)(...args);
    exports.memory.grow(1);
    const memory = new Uint8Array(exports.memory.buffer);
    const key = (exports.heapBase() + 63) & ~63;
    memory.set(raw, key + 8192);
    call("aesExpand", key, key + 8192, 32);
    for (const wide of [false, true]) {
      call("gcmKeyReady", key);
      if (wide) call("gcmExpect", key, 1 << 20);
      // Powers and tables of H = 0 are zeroes; how many there are stays.
      memory.fill(0, key + exports.cipherKeySize.value, key + exports.gcmKeySize.value - 16);
      for (const length of [0, 48, 400]) {
        memory.fill(0x11, key + 12288, key + 12288 + length);
        memory.fill(0, key + 8192, key + 8204);
        call("gcmSeal", key, key + 8192, 12, key, 16, key + 12288, length);
        const tag = memory.slice(key + 12288 + length, key + 12288 + length + 16);
        const j0 = new Uint8Array(16);
        j0[15] = 1;
        expect(tag).toEqual(core.blockKey("AES", raw).encryptBlocks(j0));
      }
    }
  });

  test("text beyond 2^36 - 32 bytes is refused with a typed error, and the core goes on", () => {
    const tooLong = expect.objectContaining({ code: "MessageTooLong" });
    expect(() => assertTextLength(MAX_TEXT_BYTES)).not.toThrow();
    expect(() => assertTextLength(2 ** 36 - 31)).toThrow(tooLong);
    const key = core.gcmKey("AES", new Uint8Array(16));
    const claims = Object.defineProperty(new Uint8Array(1), "length", { value: 2 ** 36 - 31 });
    expect(() => key.encryptInto(new Uint8Array(12), EMPTY, claims, EMPTY)).toThrow(tooLong);
    const stream = key.encryptStream(new Uint8Array(12), EMPTY);
    stream.update(new Uint8Array(1));
    const almost = Object.defineProperty(new Uint8Array(1), "length", { value: MAX_TEXT_BYTES });
    expect(() => stream.update(almost)).toThrow(tooLong);
    expect(stream.final().length).toBe(16);
    expect(key.encrypt(new Uint8Array(12), EMPTY, EMPTY).length).toBe(16);
    key.release();
  });
});
