// The confidentiality modes of SP 800-38A over whole blocks: CBC (§6.2) and CTR with a 128-bit counter (§6.5). ECB
// (§6.1) is encryptBlocks and decryptBlocks. None of them authenticates; padding is the caller's.

import { counterBlocks, decryptBlocks, encryptBlocks } from "./cipher";
import { copy, ld, loadBe32, loadBe64, st, storeBe32, storeBe64, wipe, xor } from "./simd";

const PART = memory.data(256, 16); // ciphertext that in-place decryption is about to overwrite

/** In place; the chain value at `iv` is left ready for the next call. */
export function cbcEncrypt(ck: usize, iv: usize, text: usize, blocks: usize): void {
  let chain = ld(iv);
  for (const end = text + blocks * 16; text < end; text += 16) {
    st(text, xor(ld(text), chain));
    encryptBlocks(ck, text, text, 1);
    chain = ld(text);
  }
  st(iv, chain);
}

/** In place; the chain value at `iv` is left ready for the next call. */
export function cbcDecrypt(dk: usize, iv: usize, text: usize, blocks: usize): void {
  while (blocks > 0) {
    const now = min<usize>(blocks, 16);
    copy(PART, text, now * 16);
    decryptBlocks(dk, text, text, now);
    st(text, xor(ld(text), ld(iv)));
    for (let n: usize = 1; n < now; n++) st(text + n * 16, xor(ld(text + n * 16), ld(PART + n * 16 - 16)));
    st(iv, ld(PART + now * 16 - 16));
    text += now * 16;
    blocks -= now;
  }
  wipe(PART, 256);
}

/** CTR in place; the 16 bytes at `counter` count as one 128-bit number and are left at the next value. */
export function ctrBlocks(ck: usize, counter: usize, text: usize, blocks: usize): void {
  while (blocks > 0) {
    // counterBlocks counts modulo 2^32: stop there and carry.
    const untilWrap = (<u64>1 << 32) - loadBe32(counter + 12);
    const now = <usize>min<u64>(blocks, untilWrap);
    counterBlocks(ck, counter, text, text, now, true);
    if (<u64>now == untilWrap) {
      const middle = loadBe32(counter + 8) + 1;
      storeBe32(counter + 8, middle);
      if (middle == 0) storeBe64(counter, loadBe64(counter) + 1);
    }
    text += now * 16;
    blocks -= now;
  }
}

/** The end of a CTR message: `length` (1..15) bytes in place. */
export function ctrTail(ck: usize, counter: usize, text: usize, length: usize): void {
  st(PART, i32x4.splat(0));
  copy(PART, text, length);
  ctrBlocks(ck, counter, PART, 1);
  copy(text, PART, length);
  wipe(PART, 16);
}
