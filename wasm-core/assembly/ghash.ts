// GHASH (SP 800-38D §6.3, §6.4) by 16-entry tables.
//
// A block is 16 bytes; byte p holds the coefficients x^(8p) .. x^(8p+7), most significant bit first. For a power h of
// the hash key and every value n of a nibble, take the 16 products n*h: plane b of h is the vector of their bytes b.
// One lookup in plane b by the nibbles of a block gives byte b of sixteen products, one for each byte position p, and
// the product of block and h is the sum of all of them shifted by p + b bytes. High nibbles use planes of h, low nibbles
// planes of h*x^4: 32 lookups for a block, no carry-less multiplication, nothing addressed by data.
//
// Several blocks share the shifting and the reduction: with X1 .. Xn, the sum X1*H^n + .. + Xn*H adds up per plane. Six
// blocks keep their twelve nibble vectors in registers while the planes stream from memory.
//
// Tables of a key: six powers; plane b of power m (1..6) for high and low nibbles lies at b*192 + (6 - m)*32, so that n blocks
// read n*32 bytes in sequence.

import { GHASH_WIDE, GK_POWERS, GK_READY, GK_TABLES } from "./layout";
import { NIBBLES, copy, highNibbles, ld, loadBe64, lowNibbles, st, storeBe64, swz, wipe, xor, xor3 } from "./simd";

const REDUCE = memory.data(64, 16); // byte q times x^128: first byte by high and low nibble, second byte likewise
const ROWS = memory.data(256, 16); //  scratch while tables are made; wiped

export function ghashInit(): void {
  // x^128 = 1 + x + x^2 + x^7. A byte q stands for degrees 0..7, its products for degrees 0..14: bit 14 - d of `r`.
  for (let n: u32 = 0; n < 16; n++) {
    for (let high: u32 = 0; high < 2; high++) {
      const q = high ? n << 4 : n;
      const r = (q << 7) ^ (q << 6) ^ (q << 5) ^ q;
      store<u8>(REDUCE + (1 - high) * 16 + n, <u8>(r >> 7));
      store<u8>(REDUCE + 32 + (1 - high) * 16 + n, <u8>(r << 1));
    }
  }
}

/** The vector one byte towards higher positions, `carry`'s last byte coming in. */
// @ts-ignore: decorator
@inline
function shiftIn(carry: v128, x: v128): v128 {
  return i8x16.shuffle(carry, x, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

/** Bytes 0..15 in `lo`, 16..31 in `hi`: the remainder modulo the polynomial of GHASH. */
// @ts-ignore: decorator
@inline
function reduce(lo: v128, hi: v128): v128 {
  const mask = ld(NIBBLES);
  const l = lowNibbles(hi, mask);
  const h = highNibbles(hi, mask);
  const first = xor(swz(ld(REDUCE), h), swz(ld(REDUCE + 16), l));
  const second = xor(swz(ld(REDUCE + 32), h), swz(ld(REDUCE + 48), l));
  return xor3(lo, first, shiftIn(i32x4.splat(0), second)); // byte 31 is 0, so nothing is shifted out
}

/** Product of `x` and power 1, the only one that single blocks use. */
// @ts-ignore: decorator
@inline
function product(gk: usize, x: v128): v128 {
  const mask = ld(NIBBLES);
  const l = lowNibbles(x, mask);
  const h = highNibbles(x, mask);
  let lo = i32x4.splat(0);
  let hi = i32x4.splat(0);
  for (let p = gk + GK_TABLES + 15 * 192 + 5 * 32, end = gk + GK_TABLES; p > end; p -= 192) {
    const v = xor(swz(ld(p), h), swz(ld(p + 16), l));
    hi = shiftIn(lo, hi);
    lo = xor(shiftIn(i32x4.splat(0), lo), v);
  }
  return reduce(lo, hi);
}

/** Makes the planes of power m from the field element at `h`. */
function makeTables(gk: usize, m: u32, h: usize): void {
  let high = loadBe64(h);
  let low = loadBe64(h + 8);
  for (let nibble: usize = 0; nibble < 2; nibble++) {
    st(ROWS, i32x4.splat(0));
    for (let n: usize = 8; n > 0; n >>= 1) {
      storeBe64(ROWS + n * 16, high);
      storeBe64(ROWS + n * 16 + 8, low);
      const dropped = 0 - (low & 1); // times x: the bit of x^127 comes back as 1 + x + x^2 + x^7
      low = (low >> 1) | (high << 63);
      high = (high >> 1) ^ (dropped & 0xe100000000000000);
    }
    for (let n: usize = 3; n < 16; n++) {
      const top = n & (0 - n); // lowest bit: n is that bit plus the rest
      if (top != n) st(ROWS + n * 16, xor(ld(ROWS + top * 16), ld(ROWS + (n - top) * 16)));
    }
    for (let b: usize = 0; b < 16; b++) {
      const to = gk + GK_TABLES + b * 192 + (6 - m) * 32 + nibble * 16;
      for (let n: usize = 0; n < 16; n++) store<u8>(to + n, load<u8>(ROWS + n * 16 + b));
    }
  }
  wipe(ROWS, 256);
}

/** Starts a ghash key from H at GK_POWERS: tables for the first power only. */
export function ghashStart(gk: usize): void {
  makeTables(gk, 1, gk + GK_POWERS);
  store<u32>(gk + GK_READY, 1);
}

/** Makes the tables of the other powers. */
export function ghashWiden(gk: usize): void {
  for (let m: u32 = 2; m <= GHASH_WIDE; m++) {
    const to = gk + GK_POWERS + (m - 1) * 16;
    st(to, product(gk, ld(to - 16)));
    makeTables(gk, m, to);
  }
  store<u32>(gk + GK_READY, GHASH_WIDE);
}

/** y = GHASH continued over `blocks` whole blocks at `data`; y is 16 bytes in memory. */
export function ghashBlocks(gk: usize, y: usize, data: usize, blocks: usize): void {
  let state = ld(y);
  if (load<u32>(gk + GK_READY) == GHASH_WIDE) {
    for (; blocks >= 6; blocks -= 6, data += 96) state = six(gk, state, data);
  }
  for (; blocks > 0; blocks--, data += 16) state = product(gk, xor(state, ld(data)));
  st(y, state);
}

// @ts-ignore: decorator
@inline
function six(gk: usize, y: v128, data: usize): v128 {
  const mask = ld(NIBBLES);
  const x1 = xor(y, ld(data));
  const x2 = ld(data + 16);
  const x3 = ld(data + 32);
  const x4 = ld(data + 48);
  const x5 = ld(data + 64);
  const x6 = ld(data + 80);
  const h1 = highNibbles(x1, mask);
  const l1 = lowNibbles(x1, mask);
  const h2 = highNibbles(x2, mask);
  const l2 = lowNibbles(x2, mask);
  const h3 = highNibbles(x3, mask);
  const l3 = lowNibbles(x3, mask);
  const h4 = highNibbles(x4, mask);
  const l4 = lowNibbles(x4, mask);
  const h5 = highNibbles(x5, mask);
  const l5 = lowNibbles(x5, mask);
  const h6 = highNibbles(x6, mask);
  const l6 = lowNibbles(x6, mask);
  let lo = i32x4.splat(0);
  let hi = i32x4.splat(0);
  const end = gk + GK_TABLES;
  for (let p = end + 15 * 192; p >= end; p -= 192) {
    // The sum of the lookups waits for nothing; only two instructions hang on the plane before.
    let v = xor(swz(ld(p), h1), swz(ld(p + 16), l1));
    v = xor3(v, swz(ld(p + 32), h2), swz(ld(p + 48), l2));
    v = xor3(v, swz(ld(p + 64), h3), swz(ld(p + 80), l3));
    v = xor3(v, swz(ld(p + 96), h4), swz(ld(p + 112), l4));
    v = xor3(v, swz(ld(p + 128), h5), swz(ld(p + 144), l5));
    v = xor3(v, swz(ld(p + 160), h6), swz(ld(p + 176), l6));
    hi = shiftIn(lo, hi);
    lo = xor(shiftIn(i32x4.splat(0), lo), v);
  }
  return reduce(lo, hi);
}

/** GHASH continued over `length` bytes, the last block filled with zeroes (SP 800-38D §7.1, step 5). */
export function ghashPadded(gk: usize, y: usize, data: usize, length: usize): void {
  const whole = length >> 4;
  if (whole > 0) ghashBlocks(gk, y, data, whole);
  const rest = length & 15;
  if (rest > 0) {
    st(ROWS, i32x4.splat(0));
    copy(ROWS, data + whole * 16, rest);
    ghashBlocks(gk, y, ROWS, 1);
    st(ROWS, i32x4.splat(0));
  }
}
