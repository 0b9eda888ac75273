// SHA-256 (FIPS 180-4 §6.2).
//
// The constants (§4.2.2, §5.3.3) are the first 32 bits of the fractional parts of cube and square roots of primes;
// they are computed at instantiation, in integers.

import { ld, st, swapWords, swz, xor3 } from "./simd";

const TABLES = memory.data(512 + 32, 16);
const W = TABLES; // message schedule; wiped by whoever ends a message
const K = TABLES + 256;
const INITIAL = TABLES + 512;

/** First 32 bits of the fraction of the root: the largest r with r^power <= prime * 2^(32 * power), modulo 2^32. */
function rootFraction(prime: u64, power: u32): u32 {
  let root: u64 = 0;
  for (let bit: i32 = 36; bit >= 0; bit--) {
    const candidate = root | ((<u64>1) << bit);
    if (isBelow(candidate, power, prime)) root = candidate;
  }
  return <u32>root;
}

/** candidate^power <= prime * 2^(32 * power), in 32-bit digits. */
function isBelow(candidate: u64, power: u32, prime: u64): bool {
  // Digits of candidate^power, least significant first: at most 36 * 3 bits.
  const c0 = candidate & 0xffffffff;
  const c1 = candidate >> 32;
  const p0 = c0 * c0;
  const p1 = 2 * c0 * c1 + (p0 >> 32);
  const top = c1 * c1 + (p1 >> 32); // candidate^2 = top, low 32 bits of p1, low 32 bits of p0
  const middle = p1 & 0xffffffff;
  const bottom = p0 & 0xffffffff;
  if (power == 2) return top < prime || (top == prime && middle == 0 && bottom == 0);
  const q0 = bottom * c0;
  const q1a = middle * c0;
  const q1b = bottom * c1 + (q0 >> 32);
  const carry = ((q1a & 0xffffffff) + (q1b & 0xffffffff)) >> 32;
  const q2 = top * c0 + middle * c1 + (q1a >> 32) + (q1b >> 32) + carry;
  const q3 = top * c1 + (q2 >> 32);
  return q3 < prime;
}

export function sha256Init(): void {
  let found: usize = 0;
  for (let n: u64 = 2; found < 64; n++) {
    let isPrime = true;
    for (let d: u64 = 2; d * d <= n; d++) if (n % d == 0) isPrime = false;
    if (!isPrime) continue;
    store<u32>(K + found * 4, rootFraction(n, 3));
    if (found < 8) store<u32>(INITIAL + found * 4, rootFraction(n, 2));
    found++;
  }
}

export function sha256Start(state: usize): void {
  st(state, ld(INITIAL));
  st(state + 16, ld(INITIAL + 16));
}

// The message schedule (§6.2.2, step 1) runs four words at a time in vectors while the scalar units do the rounds. It has
// four steps; between them stand rounds.

const TO_LOW = memory.data<u8>([0, 1, 2, 3, 8, 9, 10, 11, 128, 128, 128, 128, 128, 128, 128, 128], 16);
const TO_HIGH = memory.data<u8>([128, 128, 128, 128, 128, 128, 128, 128, 0, 1, 2, 3, 8, 9, 10, 11], 16);

/** Words 1, 2, 3 of `a` and word 0 of `b`. */
// @ts-ignore: decorator
@inline
function nextWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
}

/** Adds §4.1.2, sigma 0: rotr 7, rotr 18, shr 3. */
// @ts-ignore: decorator
@inline
function addSigma0(sum: v128, x: v128): v128 {
  const right = xor3(i32x4.shr_u(x, 3), i32x4.shr_u(x, 7), i32x4.shr_u(x, 18));
  return i32x4.add(sum, xor3(right, i32x4.shl(x, 25), i32x4.shl(x, 14)));
}

/**
 * Adds §4.1.2, sigma 1: rotr 17, rotr 19, shr 10, of two words, each given twice in a lane of 64 bits. The low halves
 * count; `to` moves them to their place.
 */
// @ts-ignore: decorator
@inline
function addSigma1(sum: v128, x: v128, to: v128): v128 {
  return i32x4.add(sum, swz(xor3(i32x4.shr_u(x, 10), i64x2.shr_u(x, 17), i64x2.shr_u(x, 19)), to));
}

// @ts-ignore: decorator
@inline
function twiceLow(x: v128): v128 {
  return i8x16.shuffle(x, x, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7);
}

// @ts-ignore: decorator
@inline
function twiceHigh(x: v128): v128 {
  return i8x16.shuffle(x, x, 8, 9, 10, 11, 8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15);
}

// One round (step 3) in two halves. The variables change places instead of moving: `h` becomes the new a, `d` the new e.
// The order of the operations is what processors liked best, and the build keeps it (scripts/build.mjs).

/** T1 of §6.2.2, step 3: h + K + W + Ch(e, f, g) + Sigma 1(e) (rotr 6, 11, 25); `k` is K + W. */
// @ts-ignore: decorator
@inline
function first(h: u32, k: u32, e: u32, f: u32, g: u32): u32 {
  const sum = h + k;
  const chosen = (f ^ g) & e;
  const r25 = rotr<u32>(e, 25);
  const r11 = rotr<u32>(e, 11);
  const r = r11 ^ r25;
  const t = sum + (chosen ^ g);
  return t + (rotr<u32>(e, 6) ^ r);
}

/**
 * T1 + T2 of step 3, T2 being Sigma 0(a) (rotr 2, 13, 22) + Maj(a, b, c). Majority is b ^ ((a ^ b) & (b ^ c)), and
 * `ab`, a ^ b, is the next round's `bc`.
 */
// @ts-ignore: decorator
@inline
function second(t1: u32, a: u32, b: u32, ab: u32, bc: u32): u32 {
  const r13 = rotr<u32>(a, 13);
  const t = (bc & ab) ^ b;
  const r2 = rotr<u32>(a, 2);
  const r = r2 ^ r13;
  return t1 + t + (rotr<u32>(a, 22) ^ r);
}

/** The compression function over `blocks` blocks of 64 bytes; `state` is eight words in the machine's order. */
export function sha256Blocks(state: usize, data: usize, blocks: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  let p: u32 = 0; // p and q: a ^ b of this round and of the one before
  let q: u32 = 0;
  const toLow = ld(TO_LOW);
  const toHigh = ld(TO_HIGH);
  for (; blocks > 0; blocks--, data += 64) {
    q = b ^ c;
    let x0 = swapWords(ld(data));
    let x1 = swapWords(ld(data + 16));
    let x2 = swapWords(ld(data + 32));
    let x3 = swapWords(ld(data + 48));
    st(W, i32x4.add(x0, ld(K)));
    st(W + 16, i32x4.add(x1, ld(K + 16)));
    st(W + 32, i32x4.add(x2, ld(K + 32)));
    st(W + 48, i32x4.add(x3, ld(K + 48)));
    let x: v128;
    h = first(h, load<u32>(W, 0), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 4), d, e, f); c += g;
    x = nextWords(x0, x1); x0 = i32x4.add(x0, nextWords(x2, x3));
    q = h ^ a; g = second(g, h, a, q, p);
    x0 = addSigma0(x0, x);
    f = first(f, load<u32>(W, 8), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 12), b, c, d); a += e;
    x0 = addSigma1(x0, twiceHigh(x3), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x0 = addSigma1(x0, twiceLow(x0), toHigh);
    v128.store(W, i32x4.add(x0, v128.load(K, 64)), 64);
    d = first(d, load<u32>(W, 16), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 20), h, a, b); g += c;
    x = nextWords(x1, x2); x1 = i32x4.add(x1, nextWords(x3, x0));
    q = d ^ e; c = second(c, d, e, q, p);
    x1 = addSigma0(x1, x);
    b = first(b, load<u32>(W, 24), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 28), f, g, h); e += a;
    x1 = addSigma1(x1, twiceHigh(x0), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x1 = addSigma1(x1, twiceLow(x1), toHigh);
    v128.store(W, i32x4.add(x1, v128.load(K, 80)), 80);
    h = first(h, load<u32>(W, 32), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 36), d, e, f); c += g;
    x = nextWords(x2, x3); x2 = i32x4.add(x2, nextWords(x0, x1));
    q = h ^ a; g = second(g, h, a, q, p);
    x2 = addSigma0(x2, x);
    f = first(f, load<u32>(W, 40), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 44), b, c, d); a += e;
    x2 = addSigma1(x2, twiceHigh(x1), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x2 = addSigma1(x2, twiceLow(x2), toHigh);
    v128.store(W, i32x4.add(x2, v128.load(K, 96)), 96);
    d = first(d, load<u32>(W, 48), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 52), h, a, b); g += c;
    x = nextWords(x3, x0); x3 = i32x4.add(x3, nextWords(x1, x2));
    q = d ^ e; c = second(c, d, e, q, p);
    x3 = addSigma0(x3, x);
    b = first(b, load<u32>(W, 56), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 60), f, g, h); e += a;
    x3 = addSigma1(x3, twiceHigh(x2), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x3 = addSigma1(x3, twiceLow(x3), toHigh);
    v128.store(W, i32x4.add(x3, v128.load(K, 112)), 112);
    h = first(h, load<u32>(W, 64), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 68), d, e, f); c += g;
    x = nextWords(x0, x1); x0 = i32x4.add(x0, nextWords(x2, x3));
    q = h ^ a; g = second(g, h, a, q, p);
    x0 = addSigma0(x0, x);
    f = first(f, load<u32>(W, 72), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 76), b, c, d); a += e;
    x0 = addSigma1(x0, twiceHigh(x3), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x0 = addSigma1(x0, twiceLow(x0), toHigh);
    v128.store(W, i32x4.add(x0, v128.load(K, 128)), 128);
    d = first(d, load<u32>(W, 80), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 84), h, a, b); g += c;
    x = nextWords(x1, x2); x1 = i32x4.add(x1, nextWords(x3, x0));
    q = d ^ e; c = second(c, d, e, q, p);
    x1 = addSigma0(x1, x);
    b = first(b, load<u32>(W, 88), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 92), f, g, h); e += a;
    x1 = addSigma1(x1, twiceHigh(x0), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x1 = addSigma1(x1, twiceLow(x1), toHigh);
    v128.store(W, i32x4.add(x1, v128.load(K, 144)), 144);
    h = first(h, load<u32>(W, 96), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 100), d, e, f); c += g;
    x = nextWords(x2, x3); x2 = i32x4.add(x2, nextWords(x0, x1));
    q = h ^ a; g = second(g, h, a, q, p);
    x2 = addSigma0(x2, x);
    f = first(f, load<u32>(W, 104), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 108), b, c, d); a += e;
    x2 = addSigma1(x2, twiceHigh(x1), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x2 = addSigma1(x2, twiceLow(x2), toHigh);
    v128.store(W, i32x4.add(x2, v128.load(K, 160)), 160);
    d = first(d, load<u32>(W, 112), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 116), h, a, b); g += c;
    x = nextWords(x3, x0); x3 = i32x4.add(x3, nextWords(x1, x2));
    q = d ^ e; c = second(c, d, e, q, p);
    x3 = addSigma0(x3, x);
    b = first(b, load<u32>(W, 120), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 124), f, g, h); e += a;
    x3 = addSigma1(x3, twiceHigh(x2), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x3 = addSigma1(x3, twiceLow(x3), toHigh);
    v128.store(W, i32x4.add(x3, v128.load(K, 176)), 176);
    h = first(h, load<u32>(W, 128), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 132), d, e, f); c += g;
    x = nextWords(x0, x1); x0 = i32x4.add(x0, nextWords(x2, x3));
    q = h ^ a; g = second(g, h, a, q, p);
    x0 = addSigma0(x0, x);
    f = first(f, load<u32>(W, 136), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 140), b, c, d); a += e;
    x0 = addSigma1(x0, twiceHigh(x3), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x0 = addSigma1(x0, twiceLow(x0), toHigh);
    v128.store(W, i32x4.add(x0, v128.load(K, 192)), 192);
    d = first(d, load<u32>(W, 144), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 148), h, a, b); g += c;
    x = nextWords(x1, x2); x1 = i32x4.add(x1, nextWords(x3, x0));
    q = d ^ e; c = second(c, d, e, q, p);
    x1 = addSigma0(x1, x);
    b = first(b, load<u32>(W, 152), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 156), f, g, h); e += a;
    x1 = addSigma1(x1, twiceHigh(x0), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x1 = addSigma1(x1, twiceLow(x1), toHigh);
    v128.store(W, i32x4.add(x1, v128.load(K, 208)), 208);
    h = first(h, load<u32>(W, 160), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 164), d, e, f); c += g;
    x = nextWords(x2, x3); x2 = i32x4.add(x2, nextWords(x0, x1));
    q = h ^ a; g = second(g, h, a, q, p);
    x2 = addSigma0(x2, x);
    f = first(f, load<u32>(W, 168), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 172), b, c, d); a += e;
    x2 = addSigma1(x2, twiceHigh(x1), toLow);
    q = f ^ g; e = second(e, f, g, q, p);
    x2 = addSigma1(x2, twiceLow(x2), toHigh);
    v128.store(W, i32x4.add(x2, v128.load(K, 224)), 224);
    d = first(d, load<u32>(W, 176), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 180), h, a, b); g += c;
    x = nextWords(x3, x0); x3 = i32x4.add(x3, nextWords(x1, x2));
    q = d ^ e; c = second(c, d, e, q, p);
    x3 = addSigma0(x3, x);
    b = first(b, load<u32>(W, 184), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 188), f, g, h); e += a;
    x3 = addSigma1(x3, twiceHigh(x2), toLow);
    q = b ^ c; a = second(a, b, c, q, p);
    x3 = addSigma1(x3, twiceLow(x3), toHigh);
    v128.store(W, i32x4.add(x3, v128.load(K, 240)), 240);
    h = first(h, load<u32>(W, 192), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 196), d, e, f); c += g; q = h ^ a; g = second(g, h, a, q, p);
    f = first(f, load<u32>(W, 200), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 204), b, c, d); a += e; q = f ^ g; e = second(e, f, g, q, p);
    d = first(d, load<u32>(W, 208), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 212), h, a, b); g += c; q = d ^ e; c = second(c, d, e, q, p);
    b = first(b, load<u32>(W, 216), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 220), f, g, h); e += a; q = b ^ c; a = second(a, b, c, q, p);
    h = first(h, load<u32>(W, 224), e, f, g); d += h; p = a ^ b; h = second(h, a, b, p, q);
    g = first(g, load<u32>(W, 228), d, e, f); c += g; q = h ^ a; g = second(g, h, a, q, p);
    f = first(f, load<u32>(W, 232), c, d, e); b += f; p = g ^ h; f = second(f, g, h, p, q);
    e = first(e, load<u32>(W, 236), b, c, d); a += e; q = f ^ g; e = second(e, f, g, q, p);
    d = first(d, load<u32>(W, 240), a, b, c); h += d; p = e ^ f; d = second(d, e, f, p, q);
    c = first(c, load<u32>(W, 244), h, a, b); g += c; q = d ^ e; c = second(c, d, e, q, p);
    b = first(b, load<u32>(W, 248), g, h, a); f += b; p = c ^ d; b = second(b, c, d, p, q);
    a = first(a, load<u32>(W, 252), f, g, h); e += a; q = b ^ c; a = second(a, b, c, q, p);
    a += load<u32>(state);
    b += load<u32>(state, 4);
    c += load<u32>(state, 8);
    d += load<u32>(state, 12);
    e += load<u32>(state, 16);
    f += load<u32>(state, 20);
    g += load<u32>(state, 24);
    h += load<u32>(state, 28);
    store<u32>(state, a);
    store<u32>(state, b, 4);
    store<u32>(state, c, 8);
    store<u32>(state, d, 12);
    store<u32>(state, e, 16);
    store<u32>(state, f, 20);
    store<u32>(state, g, 24);
    store<u32>(state, h, 28);
  }
}

export const SHA256_SCHEDULE_SIZE: usize = 256;

export function sha256Schedule(): usize {
  return W;
}
