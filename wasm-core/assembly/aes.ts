// AES (FIPS 197), encryption direction, as vector permutations; see tower.ts for the inversion.
//
// The state stays in the tower basis from the first AddRoundKey to the last SubBytes. There the S-box followed by
// one or two times its output is four lookups, and MixColumns two rotations:
//     2x + 3r(x) + r2(x) + r3(x) = m + r(m + x)    with m = 2x + r2(x), r: next byte of the column
// ShiftRows costs nothing: the state after round n is kept as ShiftRows^-n of the true one, so round n rotates by
// r conjugated with ShiftRows^n (four variants, n mod 4), round key n is stored under ShiftRows^-n, and one
// permutation at the end puts the bytes right. The S-box constant 0x63 is in the round keys.
//
// Several blocks are in flight: `aesRounds` runs each round over all blocks of `BLOCKS`, so that the processor finds
// independent work.

import { CK_KIND, CK_ROUNDS, AES } from "./layout";
import { buildTower, fieldMul, fromTower, inputPair, outputPair, toTower } from "./tower";
import {
  NIBBLES, highNibbles, ld, lowNibbles, st, swz, wipe, xor, xor3, zipHigh16, zipHigh32, zipHigh8, zipLow16,
  zipLow32, zipLow8,
} from "./simd";

const INV = memory.data(16, 16);
const AINV = memory.data(16, 16);
const IN = memory.data(32, 16); //     byte -> tower
const BACK = memory.data(32, 16); //   tower -> byte
const SUB = memory.data(32, 16); //    S-box output, tower basis
const SUB2 = memory.data(32, 16); //   twice that
const LAST = memory.data(32, 16); //   S-box output, plain bytes
const FORWARD = memory.data(64, 16); //  the rotation r, conjugated with ShiftRows^n, n = 0..3
const ACROSS = memory.data(64, 16); //   r twice, likewise
const ROWS = memory.data(64, 16); //   ShiftRows^n
const RCON = memory.data(16, 16); //   round constants, tower basis
const INVERSE_IN = memory.data(32, 16); //  byte -> tower(affine^-1(byte)), basis of the inverse cipher
const INVERSE_SUB = memory.data(128, 16); // that of 14, 11, 13 and 9 times 1/x: FIPS 197 §5.3.3
const INVERSE_LAST = memory.data(32, 16); // 1/x, plain bytes
const POSITIONS = memory.data(16, 16); // see aesPrepareCounters
const ONCE = memory.data(32, 16);
const TWICE = memory.data(32, 16);
const MAP = memory.data(256, 16);
const UNDO = memory.data(256, 16); //  affine^-1
let constant: u32 = 0; //              0x63 in the tower basis

/** The state of up to 16 blocks. Holds secrets while a call runs, zeroes after. */
export const BLOCKS = memory.data(16 * 16, 16);
export const BLOCKS_SIZE: usize = 256;

/** FIPS 197 §5.1.1, equation 5.2 without the constant: x + x<<<1 + x<<<2 + x<<<3 + x<<<4. */
function affine(x: u32): u32 {
  const doubled = x | (x << 8);
  return (x ^ (doubled >> 7) ^ (doubled >> 6) ^ (doubled >> 5) ^ (doubled >> 4)) & 0xff;
}

// @ts-ignore: decorator
@inline
function rowsIndex(n: u32, p: u32): u32 {
  return (p + 4 * n * (p & 3)) & 15;
}

// @ts-ignore: decorator
@inline
function rotated(p: u32, by: u32): u32 {
  return (p & 12) | ((p + by) & 3);
}

export function aesInit(): void {
  buildTower(0x11b, INV, AINV); // FIPS 197 §4.2: x^8 + x^4 + x^3 + x + 1
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(x));
  inputPair(MAP, IN);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>fromTower(x));
  inputPair(MAP, BACK);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(affine(x)));
  outputPair(MAP, SUB);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(fieldMul(2, affine(x))));
  outputPair(MAP, SUB2);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>affine(x));
  outputPair(MAP, LAST);
  for (let x: u32 = 0; x < 256; x++) store<u8>(UNDO + affine(x), <u8>x);
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(load<u8>(UNDO + x)));
  inputPair(MAP, INVERSE_IN);
  for (let n: u32 = 0; n < 4; n++) {
    const factor: u32 = n == 0 ? 14 : n == 1 ? 11 : n == 2 ? 13 : 9;
    for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>toTower(load<u8>(UNDO + fieldMul(factor, x))));
    outputPair(MAP, INVERSE_SUB + n * 32);
  }
  for (let x: u32 = 0; x < 256; x++) store<u8>(MAP + x, <u8>x);
  outputPair(MAP, INVERSE_LAST);
  for (let n: u32 = 0; n < 4; n++) {
    for (let p: u32 = 0; p < 16; p++) {
      store<u8>(ROWS + n * 16 + p, <u8>rowsIndex(n, p));
      const undone = rowsIndex((4 - n) & 3, p);
      store<u8>(FORWARD + n * 16 + p, <u8>rowsIndex(n, rotated(undone, 1)));
      store<u8>(ACROSS + n * 16 + p, <u8>rowsIndex(n, rotated(undone, 2)));
    }
  }
  let rcon: u32 = 1;
  for (let n: usize = 0; n < 10; n++) {
    store<u8>(RCON + n, <u8>toTower(rcon));
    rcon = fieldMul(rcon, 2);
  }
  constant = toTower(0x63);
  // Where byte 15 goes in the first round (multiplied by 2, 3, 1, 1), and each of those four bytes in the second.
  const spread = POSITIONS;
  let position: usize = 15;
  for (let j: usize = 0; j < 4; j++) {
    store<u8>(spread + ((4 - j) & 3), <u8>position); // r leads from place 1, 2, 3 to the one before
    position = load<u8>(FORWARD + 16 + position);
  }
  for (let p: u32 = 0; p < 16; p++) {
    const next = load<u8>(FORWARD + 32 + p);
    for (let j: u32 = 0; j < 4; j++) {
      const from = <u32>load<u8>(spread + j);
      // p lies in the column of `from` if turning it up to three times leads there
      let turned = p;
      let inColumn = false;
      for (let n: u32 = 0; n < 4; n++) {
        if (turned == from) inColumn = true;
        turned = load<u8>(FORWARD + 32 + turned);
      }
      if (!inColumn) continue;
      const isTwo = p == from;
      const isThree = next == from;
      store<u8>(ONCE + p, <u8>(isTwo ? 0x80 : j));
      store<u8>(TWICE + p, <u8>(isTwo || isThree ? j + 4 : 0x80));
      store<u8>(ONCE + 16 + p, <u8>(isTwo ? 0x80 : j + 8));
      store<u8>(TWICE + 16 + p, <u8>(isTwo || isThree ? j + 12 : 0x80));
    }
  }
}

/** Applies a linear map given by its input pair at `pair`. */
// @ts-ignore: decorator
@inline
function linear(x: v128, pair: usize): v128 {
  const mask = ld(NIBBLES);
  return xor(swz(ld(pair), lowNibbles(x, mask)), swz(ld(pair + 16), highNibbles(x, mask)));
}

/** SubBytes without its constant, tower basis to whatever `pair` gives. */
// @ts-ignore: decorator
@inline
function substitute(x: v128, pair: usize): v128 {
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const k = lowNibbles(x, mask);
  const i = highNibbles(x, mask);
  const j = xor(i, k);
  const ak = swz(ld(AINV), k);
  const io = xor(swz(inv, xor(swz(inv, i), ak)), j);
  const jo = xor(swz(inv, xor(swz(inv, j), ak)), i);
  return xor(swz(ld(pair), io), swz(ld(pair + 16), jo));
}

/** SubWord for the key schedule: tower basis, constant included, over all four words. */
// @ts-ignore: decorator
@inline
function subWords(x: v128): v128 {
  return xor(substitute(x, SUB), i8x16.splat(<i8>constant));
}

/** w0, w0+w1, w0+w1+w2, w0+w1+w2+w3: what the schedule adds up across a round key. */
// @ts-ignore: decorator
@inline
function runningXor(x: v128): v128 {
  const zero = i32x4.splat(0);
  x = xor(x, i8x16.shuffle(zero, x, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27));
  return xor(x, i8x16.shuffle(zero, x, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
}

/** Last word of `x` in every lane. */
// @ts-ignore: decorator
@inline
function lastWord(x: v128): v128 {
  return i8x16.shuffle(x, x, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
}

/** RotWord of the last word, in every lane. */
// @ts-ignore: decorator
@inline
function lastWordRotated(x: v128): v128 {
  return i8x16.shuffle(x, x, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12);
}

/** Round constant n in the first byte of every word (tower basis). */
// @ts-ignore: decorator
@inline
function roundConstant(n: usize): v128 {
  return i32x4.splat(<i32>load<u8>(RCON + n));
}

/** Round key r, as `aesRounds` wants it, from its tower form. */
// @ts-ignore: decorator
@inline
function storeRoundKey(ck: usize, r: u32, rounds: u32, key: v128): void {
  if (r == 0) st(ck, key);
  else if (r < rounds) {
    st(ck + r * 16, xor(swz(key, ld(ROWS + ((4 - (r & 3)) & 3) * 16)), i8x16.splat(<i8>constant)));
  } else st(ck + r * 16, xor(linear(key, BACK), i8x16.splat(0x63)));
}

/** FIPS 197 §5.2, KeyExpansion, in the tower basis, for keys of 16, 24 and 32 bytes. */
export function aesExpand(ck: usize, key: usize, keyBytes: u32): void {
  const rounds = keyBytes / 4 + 6;
  store<u32>(ck + CK_KIND, AES);
  store<u32>(ck + CK_ROUNDS, rounds);
  let a = linear(ld(key), IN);
  storeRoundKey(ck, 0, rounds, a);
  if (keyBytes == 16) {
    for (let r: u32 = 1; r <= 10; r++) {
      const t = xor(subWords(lastWordRotated(a)), roundConstant(r - 1));
      a = xor(runningXor(a), t);
      storeRoundKey(ck, r, rounds, a);
    }
  } else if (keyBytes == 32) {
    let b = linear(ld(key + 16), IN);
    storeRoundKey(ck, 1, rounds, b);
    for (let r: u32 = 2; r <= 14; r += 2) {
      a = xor3(runningXor(a), subWords(lastWordRotated(b)), roundConstant((r >> 1) - 1));
      storeRoundKey(ck, r, rounds, a);
      if (r == 14) break;
      b = xor(runningXor(b), subWords(lastWord(a)));
      storeRoundKey(ck, r + 1, rounds, b);
    }
  } else expand192(ck, key);
}

const WORDS = memory.data(13 * 16, 16);

/** Six-word steps do not fit four lanes: 192-bit keys are rare, and done word by word. */
function expand192(ck: usize, key: usize): void {
  st(WORDS, linear(ld(key), IN));
  store<u64>(WORDS + 16, i64x2.extract_lane(linear(v128.load64_zero(key + 16), IN), 0));
  for (let i: usize = 6; i < 52; i++) {
    let t = v128.load32_splat(WORDS + (i - 1) * 4);
    if (i % 6 == 0) t = xor(subWords(lastWordRotated(t)), roundConstant(i / 6 - 1));
    store<u32>(WORDS + i * 4, load<u32>(WORDS + (i - 6) * 4) ^ i32x4.extract_lane(t, 0));
  }
  for (let r: u32 = 0; r <= 12; r++) storeRoundKey(ck, r, 12, ld(WORDS + r * 16));
  wipe(WORDS, 13 * 16);
}

/** BLOCKS[n] = plain bytes `x` in the basis of the rounds, first round key added. */
// @ts-ignore: decorator
@inline
export function aesEnter(ck: usize, n: usize, x: v128): void {
  st(BLOCKS + n * 16, xor(linear(x, IN), ld(ck)));
}

/** One middle round. */
// @ts-ignore: decorator
@inline
function nextState(
  x: v128, rk: v128, forward: v128, across: v128,
  mask: v128, inv: v128, ainv: v128, su: v128, stt: v128, du: v128, dt: v128,
): v128 {
  const k = lowNibbles(x, mask);
  const i = highNibbles(x, mask);
  const j = xor(i, k);
  const ak = swz(ainv, k);
  const io = xor(swz(inv, xor(swz(inv, i), ak)), j);
  const jo = xor(swz(inv, xor(swz(inv, j), ak)), i);
  const s = xor(swz(su, io), swz(stt, jo));
  const m = xor3(swz(du, io), swz(dt, jo), swz(s, across));
  return xor3(m, rk, swz(xor(m, s), forward));
}

/** One middle round of the state at `p`. */
// @ts-ignore: decorator
@inline
function middleRound(
  p: usize, rk: v128, forward: v128, across: v128,
  mask: v128, inv: v128, ainv: v128, su: v128, stt: v128, du: v128, dt: v128,
): void {
  st(p, nextState(ld(p), rk, forward, across, mask, inv, ainv, su, stt, du, dt));
}

/** All rounds over the first three states of BLOCKS, which stay in registers: short messages are three blocks. */
function threeRounds(ck: usize): void {
  const rounds = load<u32>(ck + CK_ROUNDS);
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const ainv = ld(AINV);
  const su = ld(SUB);
  const stt = ld(SUB + 16);
  const du = ld(SUB2);
  const dt = ld(SUB2 + 16);
  let x0 = ld(BLOCKS);
  let x1 = ld(BLOCKS + 16);
  let x2 = ld(BLOCKS + 32);
  for (let r: u32 = 1; r < rounds; r++) {
    const forward = ld(FORWARD + (r & 3) * 16);
    const across = ld(ACROSS + (r & 3) * 16);
    const rk = ld(ck + r * 16);
    x0 = nextState(x0, rk, forward, across, mask, inv, ainv, su, stt, du, dt);
    x1 = nextState(x1, rk, forward, across, mask, inv, ainv, su, stt, du, dt);
    x2 = nextState(x2, rk, forward, across, mask, inv, ainv, su, stt, du, dt);
  }
  const rows = ld(ROWS + (rounds & 3) * 16);
  const rk = ld(ck + rounds * 16);
  st(BLOCKS, xor(swz(substitute(x0, LAST), rows), rk));
  st(BLOCKS + 16, xor(swz(substitute(x1, LAST), rows), rk));
  st(BLOCKS + 32, xor(swz(substitute(x2, LAST), rows), rk));
}

/** Rounds from `first` on over the first `count` (1..16) states of BLOCKS; plain output bytes in their place. */
export function aesRounds(ck: usize, count: usize, first: u32): void {
  if (count == 3) {
    threeRounds(ck); // whoever starts at a later round has sixteen
    return;
  }
  const rounds = load<u32>(ck + CK_ROUNDS);
  const end = BLOCKS + count * 16;
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const ainv = ld(AINV);
  const su = ld(SUB);
  const stt = ld(SUB + 16);
  const du = ld(SUB2);
  const dt = ld(SUB2 + 16);
  for (let r: u32 = first; r < rounds; r++) {
    const forward = ld(FORWARD + (r & 3) * 16);
    const across = ld(ACROSS + (r & 3) * 16);
    const rk = ld(ck + r * 16);
    for (let p = BLOCKS; p < end; p += 16) middleRound(p, rk, forward, across, mask, inv, ainv, su, stt, du, dt);
  }
  const rows = ld(ROWS + (rounds & 3) * 16);
  const rk = ld(ck + rounds * 16);
  for (let p = BLOCKS; p < end; p += 16) st(p, xor(swz(substitute(ld(p), LAST), rows), rk));
}

/**
 * The plain blocks 0 and 1 of BLOCKS under the expanded 256-bit key `ck`, the others, up to `count`, under the 32
 * bytes at `key`, whose
 * round keys are made as the rounds need them and kept nowhere: the schedule waits for itself, the blocks fill its
 * waiting.
 */
export function aesTwoKeys(ck: usize, key: usize, count: usize): void {
  const end = BLOCKS + count * 16;
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const ainv = ld(AINV);
  const su = ld(SUB);
  const stt = ld(SUB + 16);
  const du = ld(SUB2);
  const dt = ld(SUB2 + 16);
  let a = linear(ld(key), IN);
  let b = linear(ld(key + 16), IN);
  let own = ld(ck);
  for (let p = BLOCKS; p < BLOCKS + 32; p += 16) st(p, xor(linear(ld(p), IN), own));
  for (let p = BLOCKS + 32; p < end; p += 16) st(p, xor(linear(ld(p), IN), a));
  for (let r: u32 = 1; r < 14; r++) {
    const forward = ld(FORWARD + (r & 3) * 16);
    const across = ld(ACROSS + (r & 3) * 16);
    const undo = ld(ROWS + ((4 - (r & 3)) & 3) * 16);
    let derived: v128;
    if (r & 1) {
      derived = b;
      a = xor3(runningXor(a), subWords(lastWordRotated(b)), roundConstant(r >> 1));
    } else {
      derived = a;
      b = xor(runningXor(b), subWords(lastWord(a)));
    }
    derived = xor(swz(derived, undo), i8x16.splat(<i8>constant));
    own = ld(ck + r * 16);
    middleRound(BLOCKS, own, forward, across, mask, inv, ainv, su, stt, du, dt);
    middleRound(BLOCKS + 16, own, forward, across, mask, inv, ainv, su, stt, du, dt);
    for (let p = BLOCKS + 32; p < end; p += 16) {
      middleRound(p, derived, forward, across, mask, inv, ainv, su, stt, du, dt);
    }
  }
  const rows = ld(ROWS + 32); // 14 mod 4
  own = ld(ck + 14 * 16);
  const last = xor(linear(a, BACK), i8x16.splat(0x63));
  for (let p = BLOCKS; p < BLOCKS + 32; p += 16) st(p, xor(swz(substitute(ld(p), LAST), rows), own));
  for (let p = BLOCKS + 32; p < end; p += 16) st(p, xor(swz(substitute(ld(p), LAST), rows), last));
}

// Counter mode: 256 counter blocks in sequence differ in byte 15 alone. After the first round the bytes of one
// column differ, after the second one all do, but each only through one byte of that column. So for sixteen blocks
// at a time the first round is one S-box of sixteen different bytes, the second four of those, and the rest of
// both is common to 256 blocks.
//
// COUNTERS: common part of state 1 at byte positions j = 0..3, in all bytes (4 * 16) | common part of state 2 (16)
// | byte 15 after the first key addition, without the counter (16)

export const COUNTERS = memory.data(96, 16);
export const COUNTERS_SIZE: usize = 96;

/** The common parts of the 256 counter blocks that begin with the first 15 bytes at `block`. */
export function aesPrepareCounters(ck: usize, block: usize): void {
  const first = v128.and(ld(block), i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0));
  const s0 = xor(linear(first, IN), ld(ck));
  st(COUNTERS + 80, i8x16.splat(i8x16.extract_lane_s(s0, 15)));
  const others = i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0);
  const s1 = commonRound(s0, FORWARD + 16, ACROSS + 16, ld(ck + 16), others);
  let outside = i8x16.splat(-1);
  st(COUNTERS + 64, s1);
  for (let j: usize = 0; j < 4; j++) {
    const position = <usize>load<u8>(POSITIONS + j);
    st(COUNTERS + j * 16, v128.load8_splat(COUNTERS + 64 + position));
    outside = v128.andnot(outside, i8x16.eq(ld(POSITION_NUMBERS), i8x16.splat(<i8>position)));
  }
  st(COUNTERS + 64, commonRound(s1, FORWARD + 32, ACROSS + 32, ld(ck + 32), outside));
}

const POSITION_NUMBERS = memory.data<u8>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16);

/** One round in which the bytes outside of `mask` count as nothing after SubBytes. */
// @ts-ignore: decorator
@inline
function commonRound(x: v128, forward: usize, across: usize, rk: v128, mask: v128): v128 {
  const s = v128.and(substitute(x, SUB), mask);
  const m = xor(v128.and(substitute(x, SUB2), mask), swz(s, ld(across)));
  return xor3(m, rk, swz(xor(m, s), ld(forward)));
}

/** BLOCKS = the sixteen counter blocks whose last byte is 16 * high + n, after two rounds. */
export function aesEnterCounters(high: u32): void {
  const x = xor3(ld(COUNTERS + 80), ld(IN), v128.load8_splat(IN + 16 + high));
  const s = substitute(x, SUB);
  const d = substitute(x, SUB2);
  const x0 = xor(ld(COUNTERS), d);
  const x1 = xor3(ld(COUNTERS + 16), s, d);
  const x2 = xor(ld(COUNTERS + 32), s);
  const x3 = xor(ld(COUNTERS + 48), s);
  // Eight bytes for each block: S-box of the four, and twice that.
  const s0 = substitute(x0, SUB);
  const d0 = substitute(x0, SUB2);
  const s1 = substitute(x1, SUB);
  const d1 = substitute(x1, SUB2);
  const s2 = substitute(x2, SUB);
  const d2 = substitute(x2, SUB2);
  const s3 = substitute(x3, SUB);
  const d3 = substitute(x3, SUB2);
  enterQuarter(BLOCKS, zipLow8(s0, s1), zipLow8(s2, s3), zipLow8(d0, d1), zipLow8(d2, d3));
  enterQuarter(BLOCKS + 128, zipHigh8(s0, s1), zipHigh8(s2, s3), zipHigh8(d0, d1), zipHigh8(d2, d3));
}

/** Eight blocks from their bytes, by pairs. */
// @ts-ignore: decorator
@inline
function enterQuarter(to: usize, s01: v128, s23: v128, d01: v128, d23: v128): void {
  const common = ld(COUNTERS + 64);
  const sLow = zipLow16(s01, s23);
  const sHigh = zipHigh16(s01, s23);
  const dLow = zipLow16(d01, d23);
  const dHigh = zipHigh16(d01, d23);
  enterPair(to, common, zipLow32(sLow, dLow));
  enterPair(to + 32, common, zipHigh32(sLow, dLow));
  enterPair(to + 64, common, zipLow32(sHigh, dHigh));
  enterPair(to + 96, common, zipHigh32(sHigh, dHigh));
}

// @ts-ignore: decorator
@inline
function enterPair(to: usize, common: v128, bytes: v128): void {
  st(to, xor3(common, swz(bytes, ld(ONCE)), swz(bytes, ld(TWICE))));
  st(to + 16, xor3(common, swz(bytes, ld(ONCE + 16)), swz(bytes, ld(TWICE + 16))));
}

// The inverse cipher, in the equivalent form of FIPS 197 §5.3.5: InvSubBytes first undoes the affine map, so the
// state is kept as tower(affine^-1(x)) and the constant is again in the round keys.

/** x times 2 in every byte, plain basis. */
// @ts-ignore: decorator
@inline
function doubled(x: v128): v128 {
  return xor(i8x16.shl(x, 1), v128.and(i8x16.shr_s(x, 7), i8x16.splat(0x1b)));
}

/** InvMixColumns, FIPS 197 §5.3.3, plain basis: x + r-sums with factors 14, 11, 13, 9. */
// @ts-ignore: decorator
@inline
function inverseColumns(x: v128): v128 {
  const forward = ld(FORWARD); // n = 0: not conjugated
  const x2 = doubled(x);
  const x4 = doubled(x2);
  const x8 = doubled(x4);
  const x9 = xor(x8, x);
  const x11 = xor(x9, x2);
  const x13 = xor(x9, x4);
  const x14 = xor3(x8, x4, x2);
  return xor(x14, swz(xor(x11, swz(xor(x13, swz(x9, forward)), forward)), forward));
}

/** Round keys of the inverse cipher, at `dk`, from those at `ck`. */
export function aesInvert(dk: usize, ck: usize): void {
  const rounds = load<u32>(ck + CK_ROUNDS);
  store<u32>(dk + CK_KIND, AES);
  store<u32>(dk + CK_ROUNDS, rounds);
  st(dk + rounds * 16, linear(ld(ck), BACK));
  for (let r: u32 = 1; r < rounds; r++) {
    const tower = swz(xor(ld(ck + r * 16), i8x16.splat(<i8>constant)), ld(ROWS + (r & 3) * 16));
    const mixed = inverseColumns(linear(tower, BACK));
    const at = rounds - r; // this key's place; ShiftRows is undone there `at` times
    st(dk + at * 16, swz(linear(xor(mixed, i8x16.splat(0x63)), INVERSE_IN), ld(ROWS + (at & 3) * 16)));
  }
  st(dk, linear(ld(ck + rounds * 16), INVERSE_IN)); // already holds 0x63
}

/** BLOCKS[n] = plain bytes `x` in the basis of the inverse rounds, first round key added. */
// @ts-ignore: decorator
@inline
export function aesEnterInverse(dk: usize, n: usize, x: v128): void {
  st(BLOCKS + n * 16, xor(linear(x, INVERSE_IN), ld(dk)));
}

/** As aesRounds, for the inverse cipher. */
export function aesInverseRounds(dk: usize, count: usize): void {
  const rounds = load<u32>(dk + CK_ROUNDS);
  const end = BLOCKS + count * 16;
  const mask = ld(NIBBLES);
  const inv = ld(INV);
  const ainv = ld(AINV);
  for (let r: u32 = 1; r < rounds; r++) {
    const forward = ld(FORWARD + ((4 - (r & 3)) & 3) * 16);
    const rk = ld(dk + r * 16);
    for (let p = BLOCKS; p < end; p += 16) {
      const x = ld(p);
      const k = lowNibbles(x, mask);
      const i = highNibbles(x, mask);
      const j = xor(i, k);
      const ak = swz(ainv, k);
      const io = xor(swz(inv, xor(swz(inv, i), ak)), j);
      const jo = xor(swz(inv, xor(swz(inv, j), ak)), i);
      let s = xor(swz(ld(INVERSE_SUB + 96), io), swz(ld(INVERSE_SUB + 112), jo));
      s = xor3(swz(s, forward), swz(ld(INVERSE_SUB + 64), io), swz(ld(INVERSE_SUB + 80), jo));
      s = xor3(swz(s, forward), swz(ld(INVERSE_SUB + 32), io), swz(ld(INVERSE_SUB + 48), jo));
      s = xor3(swz(s, forward), swz(ld(INVERSE_SUB), io), swz(ld(INVERSE_SUB + 16), jo));
      st(p, xor(s, rk));
    }
  }
  const rows = ld(ROWS + ((4 - (rounds & 3)) & 3) * 16);
  const rk = ld(dk + rounds * 16);
  for (let p = BLOCKS; p < end; p += 16) st(p, xor(swz(substitute(ld(p), INVERSE_LAST), rows), rk));
}
