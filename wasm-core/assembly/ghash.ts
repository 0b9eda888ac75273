// GHASH (SP 800-38D §6.3, §6.4) by 16-entry tables.
//
// A block is 16 bytes; byte p holds the coefficients x^(8p) .. x^(8p+7), most significant bit first. For a power h of
// the hash key and every value n of a nibble, take the 16 products n*h: plane b of h is the vector of their bytes b.
// One lookup in plane b by the nibbles of a block gives byte b of sixteen products, one for each byte position p, and
// the product of block and h is the sum of all of them shifted by p + b bytes. High nibbles use planes of h, low
// nibbles planes of h*x^4: 32 lookups for a block, no carry-less multiplication, nothing addressed by data.
//
// Several blocks share the shifting and the reduction: with X1 .. Xn, the sum X1*H^n + .. + Xn*H adds up per
// plane. Six blocks keep their twelve nibble vectors in registers while the planes stream from memory.
//
// Tables of a key: six powers; plane b of power m (1..6) for high and low nibbles lies at b*192 + (6 - m)*32, so
// that n blocks read n*32 bytes in sequence.

import { GHASH_WIDE, GK_POWERS, GK_READY, GK_TABLES } from "./layout";
import {
  NIBBLES, copy, highNibbles, ld, loadBe64, lowNibbles, st, swz, wipe, xor, xor3, zipHigh16, zipHigh8,
  zipLow16, zipLow8,
} from "./simd";

const REDUCE = memory.data(64, 16); // byte q times x^128: first byte by high and low nibble, second byte likewise
const PAD = memory.data(16, 16);

export function ghashInit(): void {
  initPicks();
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

/** Byte plane b of the product of power 1 and the bytes whose nibbles are `h` and `l`. */
// @ts-ignore: decorator
@inline
function plane(gk: usize, b: usize, h: v128, l: v128): v128 {
  const p = gk + GK_TABLES + b * 192 + 5 * 32;
  return xor(swz(ld(p), h), swz(ld(p + 16), l));
}

/** As shiftIn, by four bytes. */
// @ts-ignore: decorator
@inline
function shiftIn4(carry: v128, x: v128): v128 {
  return i8x16.shuffle(carry, x, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
}

/**
 * Product of `x` and power 1, the only one that single blocks use. Four sums of four planes each, which do not wait
 * for each other, and then their sum.
 */
function product(gk: usize, x: v128): v128 {
  const zero = i32x4.splat(0);
  const mask = ld(NIBBLES);
  const l = lowNibbles(x, mask);
  const h = highNibbles(x, mask);
  let lo = zero;
  let hi = zero;
  for (let b: usize = 12; <isize>b >= 0; b -= 4) {
    const v3 = plane(gk, b + 3, h, l);
    const v2 = xor(shiftIn(zero, v3), plane(gk, b + 2, h, l));
    const v1 = xor(shiftIn(zero, v2), plane(gk, b + 1, h, l));
    const v0 = xor(shiftIn(zero, v1), plane(gk, b, h, l));
    const over = shiftIn(v1, shiftIn(v2, shiftIn(v3, zero)));
    hi = xor(shiftIn4(lo, hi), over);
    lo = xor(shiftIn4(zero, lo), v0);
  }
  return reduce(lo, hi);
}

const PICK_LOW = memory.data(64, 16); //  lane k of four, by the two low bits of n
const PICK_HIGH = memory.data(64, 16); // by the two high bits

function initPicks(): void {
  for (let k: u32 = 0; k < 4; k++) {
    for (let n: u32 = 0; n < 16; n++) {
      store<u8>(PICK_LOW + k * 16 + n, <u8>(4 * k + (n & 3)));
      store<u8>(PICK_HIGH + k * 16 + n, <u8>(4 * k + (n >> 2)));
    }
  }
}

/** A field element from its two big-endian halves. */
// @ts-ignore: decorator
@inline
function element(high: u64, low: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(bswap<u64>(high)), 1, bswap<u64>(low));
}

/** Four planes, 192 bytes apart, from four lanes of multiples by the low and by the high half of n. */
// @ts-ignore: decorator
@inline
function fourPlanes(to: usize, byLow: v128, byHigh: v128): void {
  st(to, xor(swz(byLow, ld(PICK_LOW)), swz(byHigh, ld(PICK_HIGH))));
  st(to + 192, xor(swz(byLow, ld(PICK_LOW + 16)), swz(byHigh, ld(PICK_HIGH + 16))));
  st(to + 384, xor(swz(byLow, ld(PICK_LOW + 32)), swz(byHigh, ld(PICK_HIGH + 32))));
  st(to + 576, xor(swz(byLow, ld(PICK_LOW + 48)), swz(byHigh, ld(PICK_HIGH + 48))));
}

/** Sixteen planes from the products for n = 8, 4, 2 and 1. */
function makePlanes(to: usize, h8: v128, h4: v128, h2: v128, h1: v128): void {
  const zero = i32x4.splat(0);
  const h3 = xor(h1, h2);
  const h12 = xor(h4, h8);
  // Bytes b of 0, h1, h2, h3 in a lane, and of 0, h4, h8, h12.
  const a0 = zipLow8(zero, h1);
  const a1 = zipLow8(h2, h3);
  const c0 = zipLow8(zero, h4);
  const c1 = zipLow8(h8, h12);
  fourPlanes(to, zipLow16(a0, a1), zipLow16(c0, c1));
  fourPlanes(to + 768, zipHigh16(a0, a1), zipHigh16(c0, c1));
  const a2 = zipHigh8(zero, h1);
  const a3 = zipHigh8(h2, h3);
  const c2 = zipHigh8(zero, h4);
  const c3 = zipHigh8(h8, h12);
  fourPlanes(to + 1536, zipLow16(a2, a3), zipLow16(c2, c3));
  fourPlanes(to + 2304, zipHigh16(a2, a3), zipHigh16(c2, c3));
}

/** Times x: the bit of x^127 comes back as 1 + x + x^2 + x^7. */
// @ts-ignore: decorator
@inline
function doubledHigh(high: u64, low: u64): u64 {
  return (high >> 1) ^ ((0 - (low & 1)) & 0xe100000000000000);
}

/**
 * Makes the planes of power m from the field element at `h`: h, h*x, h*x^2, h*x^3 for high nibbles, on to x^7 for
 * low ones.
 */
function makeTables(gk: usize, m: u32, h: usize): void {
  const to = gk + GK_TABLES + (6 - m) * 32;
  let high = loadBe64(h);
  let low = loadBe64(h + 8);
  for (let nibble: usize = 0; nibble < 32; nibble += 16) {
    const h8 = element(high, low);
    let next = doubledHigh(high, low);
    low = (low >> 1) | (high << 63);
    high = next;
    const h4 = element(high, low);
    next = doubledHigh(high, low);
    low = (low >> 1) | (high << 63);
    high = next;
    const h2 = element(high, low);
    next = doubledHigh(high, low);
    low = (low >> 1) | (high << 63);
    high = next;
    makePlanes(to + nibble, h8, h4, h2, element(high, low));
    next = doubledHigh(high, low);
    low = (low >> 1) | (high << 63);
    high = next;
  }
}

/** Zeroes hash key, powers and the tables that there are. */
export function ghashWipe(gk: usize): void {
  if (load<u32>(gk + GK_READY) == GHASH_WIDE) wipe(gk + GK_POWERS, 96 + 3072);
  else {
    const zero = i32x4.splat(0);
    st(gk + GK_POWERS, zero);
    for (let p = gk + GK_TABLES + 160, end = p + 3072; p < end; p += 192) {
      st(p, zero);
      st(p + 16, zero);
    }
  }
  store<u32>(gk + GK_READY, 0);
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
  st(y, ghashFrom(gk, ld(y), data, blocks));
}

/** GHASH of `blocks` whole blocks at `data`. */
export function ghashRun(gk: usize, data: usize, blocks: usize): v128 {
  return ghashFrom(gk, i32x4.splat(0), data, blocks);
}

function ghashFrom(gk: usize, state: v128, data: usize, blocks: usize): v128 {
  if (load<u32>(gk + GK_READY) == GHASH_WIDE) {
    for (; blocks >= 6; blocks -= 6, data += 96) state = six(gk, state, data);
    if (blocks >= 3) {
      state = three(gk, state, data);
      blocks -= 3;
      data += 48;
    }
  }
  for (; blocks > 0; blocks--, data += 16) state = product(gk, xor(state, ld(data)));
  return state;
}

// @ts-ignore: decorator
@inline
function three(gk: usize, y: v128, data: usize): v128 {
  const mask = ld(NIBBLES);
  const x1 = xor(y, ld(data));
  const x2 = ld(data + 16);
  const x3 = ld(data + 32);
  const h1 = highNibbles(x1, mask);
  const l1 = lowNibbles(x1, mask);
  const h2 = highNibbles(x2, mask);
  const l2 = lowNibbles(x2, mask);
  const h3 = highNibbles(x3, mask);
  const l3 = lowNibbles(x3, mask);
  let lo = i32x4.splat(0);
  let hi = i32x4.splat(0);
  const end = gk + GK_TABLES;
  for (let p = end + 15 * 192 + 96; p >= end; p -= 192) {
    let v = xor(swz(ld(p), h1), swz(ld(p + 16), l1));
    v = xor3(v, swz(ld(p + 32), h2), swz(ld(p + 48), l2));
    v = xor3(v, swz(ld(p + 64), h3), swz(ld(p + 80), l3));
    hi = shiftIn(lo, hi);
    lo = xor(shiftIn(i32x4.splat(0), lo), v);
  }
  return reduce(lo, hi);
}

// @ts-ignore: decorator
@inline
function six(gk: usize, y: v128, data: usize): v128 {
  const mask = ld(NIBBLES);
  const x1 = xor(y, ld(data));
  const x2 = v128.load(data, 16);
  const x3 = v128.load(data, 32);
  const x4 = v128.load(data, 48);
  const x5 = v128.load(data, 64);
  const x6 = v128.load(data, 80);
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
    let v = xor(swz(v128.load(p, 160), h6), swz(v128.load(p, 176), l6));
    v = xor3(v, swz(v128.load(p, 128), h5), swz(v128.load(p, 144), l5));
    v = xor3(v, swz(v128.load(p, 96), h4), swz(v128.load(p, 112), l4));
    v = xor3(v, swz(v128.load(p, 64), h3), swz(v128.load(p, 80), l3));
    v = xor3(v, swz(v128.load(p, 32), h2), swz(v128.load(p, 48), l2));
    v = xor3(v, swz(ld(p), h1), swz(v128.load(p, 16), l1)); // last: only this block waits for the one before
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
    st(PAD, i32x4.splat(0));
    copy(PAD, data + whole * 16, rest);
    ghashBlocks(gk, y, PAD, 1);
    st(PAD, i32x4.splat(0));
  }
}
