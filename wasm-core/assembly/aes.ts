// AES (FIPS 197), encryption direction, as vector permutations; see tower.ts for the inversion.
//
// The state stays in the tower basis from the first AddRoundKey to the last SubBytes. There the S-box followed by
// one or two times its output is four lookups, and MixColumns three rotations:
//     2x + 3r(x) + r2(x) + r3(x) = (2x + r(x)) + r(2x + r(x)) + r3(x)        r: next byte of the column
// ShiftRows costs nothing: the state after round n is kept as ShiftRows^-n of the true one, so round n rotates by
// r conjugated with ShiftRows^n (four variants, n mod 4), round key n is stored under ShiftRows^-n, and one
// permutation at the end puts the bytes right. The S-box constant 0x63 is in the round keys.
//
// Several blocks are in flight: `aesRounds` runs each round over all blocks of `BLOCKS`, so that the processor finds
// independent work.

import { CK_KIND, CK_ROUNDS, AES } from "./layout";
import { buildTower, fieldMul, fromTower, inputPair, outputPair, toTower } from "./tower";
import { highNibbles, ld, lowNibbles, st, swz, wipe, xor, xor3 } from "./simd";

const INV = memory.data(16, 16);
const AINV = memory.data(16, 16);
const IN = memory.data(32, 16); //     byte -> tower
const BACK = memory.data(32, 16); //   tower -> byte
const SUB = memory.data(32, 16); //    S-box output, tower basis
const SUB2 = memory.data(32, 16); //   twice that
const LAST = memory.data(32, 16); //   S-box output, plain bytes
const FORWARD = memory.data(64, 16); //  the rotation r, conjugated with ShiftRows^n, n = 0..3
const BACKWARD = memory.data(64, 16); // its inverse
const ROWS = memory.data(64, 16); //   ShiftRows^n
const RCON = memory.data(16, 16); //   round constants, tower basis
const INVERSE_IN = memory.data(32, 16); //  byte -> tower(affine^-1(byte)), basis of the inverse cipher
const INVERSE_SUB = memory.data(128, 16); // that of 14, 11, 13 and 9 times 1/x: FIPS 197 §5.3.3
const INVERSE_LAST = memory.data(32, 16); // 1/x, plain bytes
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
      store<u8>(BACKWARD + n * 16 + p, <u8>rowsIndex(n, rotated(undone, 3)));
    }
  }
  let rcon: u32 = 1;
  for (let n: usize = 0; n < 10; n++) {
    store<u8>(RCON + n, <u8>toTower(rcon));
    rcon = fieldMul(rcon, 2);
  }
  constant = toTower(0x63);
}

/** Applies a linear map given by its input pair at `pair`. */
// @ts-ignore: decorator
@inline
function linear(x: v128, pair: usize): v128 {
  const mask = i8x16.splat(0x0f);
  return xor(swz(ld(pair), lowNibbles(x, mask)), swz(ld(pair + 16), highNibbles(x, mask)));
}

/** SubBytes without its constant, tower basis to whatever `pair` gives. */
// @ts-ignore: decorator
@inline
function substitute(x: v128, pair: usize): v128 {
  const mask = i8x16.splat(0x0f);
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

/** All rounds over the first `count` (1..16) states of BLOCKS; plain output bytes in their place. */
export function aesRounds(ck: usize, count: usize): void {
  const rounds = load<u32>(ck + CK_ROUNDS);
  const end = BLOCKS + count * 16;
  const mask = i8x16.splat(0x0f);
  const inv = ld(INV);
  const ainv = ld(AINV);
  const su = ld(SUB);
  const stt = ld(SUB + 16);
  const du = ld(SUB2);
  const dt = ld(SUB2 + 16);
  for (let r: u32 = 1; r < rounds; r++) {
    const forward = ld(FORWARD + (r & 3) * 16);
    const backward = ld(BACKWARD + (r & 3) * 16);
    const rk = ld(ck + r * 16);
    for (let p = BLOCKS; p < end; p += 16) {
      const x = ld(p);
      const k = lowNibbles(x, mask);
      const i = highNibbles(x, mask);
      const j = xor(i, k);
      const ak = swz(ainv, k);
      const io = xor(swz(inv, xor(swz(inv, i), ak)), j);
      const jo = xor(swz(inv, xor(swz(inv, j), ak)), i);
      const s = xor(swz(su, io), swz(stt, jo));
      const d = xor3(swz(du, io), swz(dt, jo), swz(s, forward));
      st(p, xor(xor3(swz(s, backward), rk, d), swz(d, forward)));
    }
  }
  const rows = ld(ROWS + (rounds & 3) * 16);
  const rk = ld(ck + rounds * 16);
  for (let p = BLOCKS; p < end; p += 16) st(p, xor(swz(substitute(ld(p), LAST), rows), rk));
}

// The inverse cipher, in the equivalent form of FIPS 197 §5.3.5: InvSubBytes first undoes the affine map, so the state is
// kept as tower(affine^-1(x)) and the constant is again in the round keys.

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
  const mask = i8x16.splat(0x0f);
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
