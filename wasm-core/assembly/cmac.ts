// CMAC (SP 800-38B, RFC 4493) over AES or SM4.

import { encryptBlocks, wipeCipher } from "./cipher";
import { copy, ld, loadBe64, st, storeBe64, wipe, xor } from "./simd";

const STATE = memory.data(16, 16);
const SUBKEY = memory.data(16, 16);
const LAST = memory.data(16, 16);

/** SP 800-38B §6.1: doubling in GF(2^128), most significant bit first, x^128 = x^7 + x^2 + x + 1. In place. */
function double(at: usize): void {
  const high = loadBe64(at);
  const low = loadBe64(at + 8);
  storeBe64(at, (high << 1) | (low >> 63));
  storeBe64(at + 8, (low << 1) ^ ((0 - (high >> 63)) & 0x87));
}

/** Subkey K1 of the expanded key `ck`. */
export function cmacSubkey(ck: usize, k1: usize): void {
  st(k1, i32x4.splat(0));
  encryptBlocks(ck, k1, k1, 1);
  double(k1);
}

/** SP 800-38B §6.2 over `length` bytes at `data`; 16 bytes to `mac`. */
export function cmac(ck: usize, mac: usize, data: usize, length: usize): void {
  cmacSubkey(ck, SUBKEY);
  let state = i32x4.splat(0);
  while (length > 16) {
    st(STATE, xor(state, ld(data)));
    encryptBlocks(ck, STATE, STATE, 1);
    state = ld(STATE);
    data += 16;
    length -= 16;
  }
  st(LAST, i32x4.splat(0));
  copy(LAST, data, length);
  if (length < 16) {
    store<u8>(LAST + length, 0x80);
    double(SUBKEY); // K2
  }
  st(STATE, xor(xor(state, ld(LAST)), ld(SUBKEY)));
  encryptBlocks(ck, mac, STATE, 1);
  wipe(STATE, 16);
  wipe(SUBKEY, 16);
  wipe(LAST, 16);
  wipeCipher();
}
