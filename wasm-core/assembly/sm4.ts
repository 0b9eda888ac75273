// SM4 (GB/T 32907-2016), encryption direction, as vector permutations; see tower.ts for the inversion.
//
// The S-box is S(x) = A(1/(A(x) + C)) + C over GF(2)[x]/(x^8+x^7+x^6+x^5+x^4+x^2+1), with A the circulant map
// x + x<<<1 + x<<<3 + x<<<6 + x<<<7 and C = 0xD3 (Liu, Ji, Hu, Ding, Lv, Pyshkin, Weinmann, "Analysis of the SMS4
// Block Cipher", ACISP 2007; the test compares all 256 values with the standard through the vectors).
//
// Four blocks side by side: one vector per word of the state, bytes in memory order, in the basis tower(A(x)). There
// A and C of the input are part of basis and round keys, and the linear part L = B + B<<<2 + B<<<10 + B<<<18 + B<<<24
// becomes two bytewise maps and two byte rotations, r being the next byte of the word:
//     f(b) = b + (b << 2),  g(b) = b <<< 2:      L = f + r(g) + r2(g) + r3(f + g) = m + r3(m + g)    with m = f +
// r2(g) The S-box constant adds g(C) to every byte of each new word. It is left out of the state and put into the
// round keys of the rounds that see it; after 32 rounds it has cancelled.

import { CK_KIND, CK_ROUNDS, SM4 } from "./layout";
import { buildTower, inputPair, outputPair, toTower } from "./tower";
import {
  NIBBLES, highNibbles, ld, lowNibbles, st, swapWords, swz, xor, xor3, zipHigh32, zipHigh64, zipLow32,
  zipLow64,
} from "./simd";

const INV = memory.data(16, 16);
const AINV = memory.data(16, 16);
const IN = memory.data(32, 16); //    byte -> tower(A(byte))
const OUT = memory.data(32, 16); //   and back
const F = memory.data(32, 16); //     tower(A(f(A(1/x))))
const G = memory.data(32, 16); //     tower(A(g(A(1/x))))
const SBOX = memory.data(32, 16); //  A(1/x), plain bytes, for the key schedule
const TURN = memory.data(32, 16); //  r2, r3
const MAP = memory.data(256, 16);
let inConstant: u32 = 0; //           tower(C): what makes A(x) + C of A(x)
let outConstant: u32 = 0; //          tower(A(g(C))): what each round leaves out of its new word

/**
 * Six groups of four blocks; a group is the words 0..3 of its blocks. Holds secrets while a call runs, zeroes
 * after.
 */
export const GROUPS = memory.data(6 * 64 + 6 * 16, 16);
const SUMS = GROUPS + 6 * 64; // for each group a sum of two words that two rounds need
export const GROUPS_SIZE: usize = 384 + 96;

function rotl8(x: u32, n: u32): u32 {
  return ((x << n) | (x >> (8 - n))) & 0xff;
}

function mapA(x: u32): u32 {
  return x ^ rotl8(x, 1) ^ rotl8(x, 3) ^ rotl8(x, 6) ^ rotl8(x, 7);
}

export function sm4Init(): void {
  buildTower(0x1f5, INV, AINV);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(mapA(x)));
  inputPair(MAP, IN);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + toTower(mapA(x)), <u8>x);
  inputPair(MAP, OUT);
  for (let x: u32 = 0; x < 256; x++) {
    const b = mapA(x);
    store<u8>(MAP + x, <u8>toTower(mapA(b ^ ((b << 2) & 0xff))));
  }
  outputPair(MAP, F);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(mapA(rotl8(mapA(x), 2))));
  outputPair(MAP, G);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>mapA(x));
  outputPair(MAP, SBOX);
  for (let n: u32 = 0; n < 2; n++) {
    for (let p: u32 = 0; p < 16; p++) store<u8>(TURN + n * 16 + p, <u8>((p & 12) | ((p + n + 2) & 3)));
  }
  inConstant = toTower(0xd3);
  outConstant = toTower(mapA(rotl8(0xd3, 2)));
}

// @ts-ignore: decorator
@inline
function linear(x: v128, pair: usize): v128 {
  const mask = ld(NIBBLES);
  return xor(swz(ld(pair), lowNibbles(x, mask)), swz(ld(pair + 16), highNibbles(x, mask)));
}

/** GB/T 32907-2016 §7.3.2: CK, byte j of word i is (4i + j) * 7 mod 256. In memory order. */
// @ts-ignore: decorator
@inline
function scheduleConstant(i: u32): u32 {
  const b = 28 * i;
  return (b & 0xff) | (((b + 7) & 0xff) << 8) | (((b + 14) & 0xff) << 16) | (((b + 21) & 0xff) << 24);
}

/** GB/T 32907-2016 §7.3: 32 round keys from a 16-byte key, stored in the basis of the rounds. */
export function sm4Expand(ck: usize, key: usize): void {
  store<u32>(ck + CK_KIND, SM4);
  store<u32>(ck + CK_ROUNDS, 32);
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  // FK: A3B1BAC6 56AA3350 677D9197 B27022DC
  let k0 = load<u32>(key) ^ bswap<u32>(0xa3b1bac6);
  let k1 = load<u32>(key + 4) ^ bswap<u32>(0x56aa3350);
  let k2 = load<u32>(key + 8) ^ bswap<u32>(0x677d9197);
  let k3 = load<u32>(key + 12) ^ bswap<u32>(0xb27022dc);
  for (let i: u32 = 0; i < 32; i++) {
    const x = xor(linear(i32x4.splat(k1 ^ k2 ^ k3 ^ scheduleConstant(i)), IN), i8x16.splat(<i8>inConstant));
    const k = lowNibbles(x, mask);
    const hi = highNibbles(x, mask);
    const j = xor(hi, k);
    const ak = swz(ld(AINV), k);
    const io = xor(swz(inv, xor(swz(inv, hi), ak)), j);
    const jo = xor(swz(inv, xor(swz(inv, j), ak)), hi);
    const s = xor(swz(ld(SBOX), io), swz(ld(SBOX + 16), jo));
    const b = bswap<u32>(i32x4.extract_lane(s, 0)) ^ 0xd3d3d3d3;
    const next = k0 ^ bswap<u32>(b ^ rotl<u32>(b, 13) ^ rotl<u32>(b, 23)); // L'
    k0 = k1;
    k1 = k2;
    k2 = k3;
    k3 = next;
    store<u32>(ck + i * 4, next);
  }
  // Words 4..7, 12..15, 20..23, 28..31 lack outConstant; round i sees the words i+1, i+2, i+3, so it needs the
  // constant when an odd number of them lack it.
  const whole = i8x16.splat(<i8>outConstant);
  for (let i: u32 = 0; i < 32; i += 4) {
    const missing = (i >> 2) & 1 ? i32x4(-1, 0, -1, 0) : i32x4(0, -1, 0, -1);
    const rk = xor(linear(ld(ck + i * 4), IN), i8x16.splat(<i8>inConstant));
    st(ck + i * 4, xor(rk, v128.and(whole, missing)));
  }
}

/** Group at `g` = the four plain blocks, transposed and in the basis of the rounds. */
// @ts-ignore: decorator
@inline
export function sm4Enter(g: usize, b0: v128, b1: v128, b2: v128, b3: v128): void {
  const t0 = zipLow32(b0, b1);
  const t1 = zipHigh32(b0, b1);
  const t2 = zipLow32(b2, b3);
  const t3 = zipHigh32(b2, b3);
  st(g, linear(zipLow64(t0, t2), IN));
  st(g + 16, linear(zipHigh64(t0, t2), IN));
  st(g + 32, linear(zipLow64(t1, t3), IN));
  st(g + 48, linear(zipHigh64(t1, t3), IN));
}

const STEPS = memory.data<u32>([0, 1, 2, 3], 16);

/**
 * The first `groups` groups = counter blocks: 12 bytes at `nonce` and a big-endian 32-bit number, counting from
 * `first`. Words 0..2
 * are the same in all lanes and all groups.
 */
export function sm4EnterCounters(groups: usize, nonce: usize, first: u32): void {
  const x0 = linear(v128.load32_splat(nonce), IN);
  const x1 = linear(v128.load32_splat(nonce + 4), IN);
  const x2 = linear(v128.load32_splat(nonce + 8), IN);
  const steps = ld(STEPS);
  for (let g = GROUPS, end = GROUPS + groups * 64; g < end; g += 64, first += 4) {
    st(g, x0);
    st(g + 16, x1);
    st(g + 32, x2);
    st(g + 48, linear(swapWords(i32x4.add(i32x4.splat(first), steps)), IN));
  }
}

// Keeping the sum of two words for the next round saves an addition: 3 % with relaxed swizzles. With plain ones,
// which need more registers, it costs 20 %, and the sum is made anew.

// @ts-ignore: decorator
@inline
function keep(at: usize, sum: v128): void {
  if (ASC_FEATURE_RELAXED_SIMD) st(at, sum);
}

// @ts-ignore: decorator
@inline
function kept(at: usize, a: usize, b: usize): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return ld(at);
  return xor(ld(a), ld(b));
}

/** All 32 rounds over the first `count` (1..6) groups; the four plain output blocks in their place. */
export function sm4Rounds(ck: usize, count: usize): void {
  const end = GROUPS + count * 64;
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const ainv = ld(AINV);
  const fu = ld(F);
  const ft = ld(F + 16);
  const gu = ld(G);
  const gt = ld(G + 16);
  const r2 = ld(TURN);
  const r3 = ld(TURN + 16);
  // One round over all groups before the next: neighbouring instructions belong to different blocks, and the
  // processor need not look far for work. Four rounds of one group at a time took a quarter longer.
  for (let k = ck, last = ck + 128; k < last; k += 16) {
    let rk = v128.load32_splat(k);
    for (let p = GROUPS, q = SUMS; p < end; p += 64, q += 16) {
      const sum = xor(ld(p + 32), ld(p + 48)); // words 2 and 3 are in the next round's sum too
      keep(q, sum);
      st(p, round(ld(p), xor3(ld(p + 16), rk, sum), mask, inv, ainv, fu, ft, gu, gt, r2, r3));
    }
    rk = v128.load32_splat(k + 4);
    for (let p = GROUPS, q = SUMS; p < end; p += 64, q += 16) {
      st(p + 16, round(ld(p + 16), xor3(kept(q, p + 32, p + 48), rk, ld(p)), mask, inv, ainv, fu, ft, gu, gt, r2, r3));
    }
    rk = v128.load32_splat(k + 8);
    for (let p = GROUPS, q = SUMS; p < end; p += 64, q += 16) {
      const sum = xor(ld(p), ld(p + 16));
      keep(q, sum);
      st(p + 32, round(ld(p + 32), xor3(ld(p + 48), rk, sum), mask, inv, ainv, fu, ft, gu, gt, r2, r3));
    }
    rk = v128.load32_splat(k + 12);
    for (let p = GROUPS, q = SUMS; p < end; p += 64, q += 16) {
      st(p + 48, round(ld(p + 48), xor3(kept(q, p, p + 16), rk, ld(p + 32)), mask, inv, ainv, fu, ft, gu, gt, r2, r3));
    }
  }
  // The standard puts the words out in reverse, and the vectors hold one word of four blocks each.
  for (let p = GROUPS; p < end; p += 64) {
    const x3 = linear(ld(p), OUT);
    const x2 = linear(ld(p + 16), OUT);
    const x1 = linear(ld(p + 32), OUT);
    const x0 = linear(ld(p + 48), OUT);
    const t0 = zipLow32(x0, x1);
    const t1 = zipHigh32(x0, x1);
    const t2 = zipLow32(x2, x3);
    const t3 = zipHigh32(x2, x3);
    st(p, zipLow64(t0, t2));
    st(p + 16, zipHigh64(t0, t2));
    st(p + 32, zipLow64(t1, t3));
    st(p + 48, zipHigh64(t1, t3));
  }
}

/** One round: word a + L(S(x)), x being the sum of the other three and the round key. */
// @ts-ignore: decorator
@inline
function round(
  a: v128, x: v128,
  mask: v128, inv: v128, ainv: v128, fu: v128, ft: v128, gu: v128, gt: v128, r2: v128, r3: v128,
): v128 {
  const k = lowNibbles(x, mask);
  const i = highNibbles(x, mask);
  const j = xor(i, k);
  const ak = swz(ainv, k);
  const io = xor(swz(inv, xor(swz(inv, i), ak)), j);
  const jo = xor(swz(inv, xor(swz(inv, j), ak)), i);
  const f = xor(swz(fu, io), swz(ft, jo));
  const g = xor(swz(gu, io), swz(gt, jo));
  const m = xor(f, swz(g, r2));
  return xor3(a, m, swz(xor(m, g), r3));
}

/** Round keys for decryption, at `dk`: the same in reverse order. What the constants need repeats in reverse too. */
export function sm4Invert(dk: usize, ck: usize): void {
  store<u32>(dk + CK_KIND, SM4);
  store<u32>(dk + CK_ROUNDS, 32);
  for (let i: usize = 0; i < 32; i++) store<u32>(dk + i * 4, load<u32>(ck + (31 - i) * 4));
}
