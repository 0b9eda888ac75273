// SHA-256 (FIPS 180-4 §6.2).
//
// The constants (§4.2.2, §5.3.3) are the first 32 bits of the fractional parts of cube and square roots of primes;
// they are computed at instantiation, in integers.

import { ld, st, swapWords, swz, xor3 } from "./simd";

const TABLES = memory.data(512 + 32, 16);
const W = TABLES; // message schedule; wiped by whoever ends a message
const K_FROM_W: usize = 256;
const K = TABLES + K_FROM_W;
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

// The message schedule (§6.2.2, step 1) runs four words at a time in vectors while the scalar units do the rounds.

const TO_LOW = memory.data<u8>([0, 1, 2, 3, 8, 9, 10, 11, 128, 128, 128, 128, 128, 128, 128, 128], 16);
const TO_HIGH = memory.data<u8>([128, 128, 128, 128, 128, 128, 128, 128, 0, 1, 2, 3, 8, 9, 10, 11], 16);

/** Words 1, 2, 3 of `a` and word 0 of `b`. */
// @ts-ignore: decorator
@inline
function nextWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
}

/** §4.1.2, sigma 0: rotr 7, rotr 18, shr 3. */
// @ts-ignore: decorator
@inline
function sigma0(x: v128): v128 {
  const right = xor3(i32x4.shr_u(x, 3), i32x4.shr_u(x, 7), i32x4.shr_u(x, 18));
  return xor3(right, i32x4.shl(x, 25), i32x4.shl(x, 14));
}

/**
 * §4.1.2, sigma 1: rotr 17, rotr 19, shr 10, of two words, each given twice in a lane of 64 bits. The low halves
 * count.
 */
// @ts-ignore: decorator
@inline
function sigma1(x: v128): v128 {
  return xor3(i32x4.shr_u(x, 10), i64x2.shr_u(x, 17), i64x2.shr_u(x, 19));
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

/** Words t .. t+3 from t-16 .. t-1. */
// @ts-ignore: decorator
@inline
function schedule(x0: v128, x1: v128, x2: v128, x3: v128, toLow: v128, toHigh: v128): v128 {
  const sum = i32x4.add(i32x4.add(x0, nextWords(x2, x3)), sigma0(nextWords(x0, x1)));
  const half = i32x4.add(sum, swz(sigma1(twiceHigh(x3)), toLow));
  return i32x4.add(half, swz(sigma1(twiceLow(half)), toHigh));
}

// One round (step 3). The variables change places instead of moving: `h` becomes the new a, `d` the new e.
// §4.1.2, the big sigmas.

/** rotr 6, rotr 11, rotr 25. */
// @ts-ignore: decorator
@inline
function Sigma1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

/** rotr 2, rotr 13, rotr 22. */
// @ts-ignore: decorator
@inline
function Sigma0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

/** T1 of §6.2.2, step 3: h + K + W + Ch(e, f, g) + Sigma 1(e); `h` comes with K + W added. */
// @ts-ignore: decorator
@inline
function first(h: u32, e: u32, f: u32, g: u32): u32 {
  return h + ((e & (f ^ g)) ^ g) + Sigma1(e);
}

// Rounds are written out: in each the eight variables have moved on by one place, and otherwise they would have to
// move. Majority is b ^ ((a ^ b) & (b ^ c)), and a ^ b is the next round's b ^ c. After every four rounds come the
// four words of the schedule that are needed twelve rounds later.

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
  const toLow = ld(TO_LOW);
  const toHigh = ld(TO_HIGH);
  for (; blocks > 0; blocks--, data += 64) {
    let p: u32 = 0; // p and q: a ^ b of this round and of the one before
    let q = b ^ c;
    let x0 = swapWords(ld(data));
    let x1 = swapWords(ld(data + 16));
    let x2 = swapWords(ld(data + 32));
    let x3 = swapWords(ld(data + 48));
    st(W, i32x4.add(x0, ld(K)));
    st(W + 16, i32x4.add(x1, ld(K + 16)));
    st(W + 32, i32x4.add(x2, ld(K + 32)));
    st(W + 48, i32x4.add(x3, ld(K + 48)));
    let w = W;
    for (; w < W + 192; w += 64) {
      h = first(h + load<u32>(w, 0), e, f, g); d += h; p = a ^ b; h = h + (b ^ (p & q)) + Sigma0(a);
      g = first(g + load<u32>(w, 4), d, e, f); c += g; q = h ^ a; g = g + (a ^ (q & p)) + Sigma0(h);
      f = first(f + load<u32>(w, 8), c, d, e); b += f; p = g ^ h; f = f + (h ^ (p & q)) + Sigma0(g);
      e = first(e + load<u32>(w, 12), b, c, d); a += e; q = f ^ g; e = e + (g ^ (q & p)) + Sigma0(f);
      x0 = schedule(x0, x1, x2, x3, toLow, toHigh);
      v128.store(w, i32x4.add(x0, v128.load(w, K_FROM_W + 64)), 64);
      d = first(d + load<u32>(w, 16), a, b, c); h += d; p = e ^ f; d = d + (f ^ (p & q)) + Sigma0(e);
      c = first(c + load<u32>(w, 20), h, a, b); g += c; q = d ^ e; c = c + (e ^ (q & p)) + Sigma0(d);
      b = first(b + load<u32>(w, 24), g, h, a); f += b; p = c ^ d; b = b + (d ^ (p & q)) + Sigma0(c);
      a = first(a + load<u32>(w, 28), f, g, h); e += a; q = b ^ c; a = a + (c ^ (q & p)) + Sigma0(b);
      x1 = schedule(x1, x2, x3, x0, toLow, toHigh);
      v128.store(w, i32x4.add(x1, v128.load(w, K_FROM_W + 80)), 80);
      h = first(h + load<u32>(w, 32), e, f, g); d += h; p = a ^ b; h = h + (b ^ (p & q)) + Sigma0(a);
      g = first(g + load<u32>(w, 36), d, e, f); c += g; q = h ^ a; g = g + (a ^ (q & p)) + Sigma0(h);
      f = first(f + load<u32>(w, 40), c, d, e); b += f; p = g ^ h; f = f + (h ^ (p & q)) + Sigma0(g);
      e = first(e + load<u32>(w, 44), b, c, d); a += e; q = f ^ g; e = e + (g ^ (q & p)) + Sigma0(f);
      x2 = schedule(x2, x3, x0, x1, toLow, toHigh);
      v128.store(w, i32x4.add(x2, v128.load(w, K_FROM_W + 96)), 96);
      d = first(d + load<u32>(w, 48), a, b, c); h += d; p = e ^ f; d = d + (f ^ (p & q)) + Sigma0(e);
      c = first(c + load<u32>(w, 52), h, a, b); g += c; q = d ^ e; c = c + (e ^ (q & p)) + Sigma0(d);
      b = first(b + load<u32>(w, 56), g, h, a); f += b; p = c ^ d; b = b + (d ^ (p & q)) + Sigma0(c);
      a = first(a + load<u32>(w, 60), f, g, h); e += a; q = b ^ c; a = a + (c ^ (q & p)) + Sigma0(b);
      x3 = schedule(x3, x0, x1, x2, toLow, toHigh);
      v128.store(w, i32x4.add(x3, v128.load(w, K_FROM_W + 112)), 112);
    }
    h = first(h + load<u32>(w, 0), e, f, g); d += h; p = a ^ b; h = h + (b ^ (p & q)) + Sigma0(a);
    g = first(g + load<u32>(w, 4), d, e, f); c += g; q = h ^ a; g = g + (a ^ (q & p)) + Sigma0(h);
    f = first(f + load<u32>(w, 8), c, d, e); b += f; p = g ^ h; f = f + (h ^ (p & q)) + Sigma0(g);
    e = first(e + load<u32>(w, 12), b, c, d); a += e; q = f ^ g; e = e + (g ^ (q & p)) + Sigma0(f);
    d = first(d + load<u32>(w, 16), a, b, c); h += d; p = e ^ f; d = d + (f ^ (p & q)) + Sigma0(e);
    c = first(c + load<u32>(w, 20), h, a, b); g += c; q = d ^ e; c = c + (e ^ (q & p)) + Sigma0(d);
    b = first(b + load<u32>(w, 24), g, h, a); f += b; p = c ^ d; b = b + (d ^ (p & q)) + Sigma0(c);
    a = first(a + load<u32>(w, 28), f, g, h); e += a; q = b ^ c; a = a + (c ^ (q & p)) + Sigma0(b);
    h = first(h + load<u32>(w, 32), e, f, g); d += h; p = a ^ b; h = h + (b ^ (p & q)) + Sigma0(a);
    g = first(g + load<u32>(w, 36), d, e, f); c += g; q = h ^ a; g = g + (a ^ (q & p)) + Sigma0(h);
    f = first(f + load<u32>(w, 40), c, d, e); b += f; p = g ^ h; f = f + (h ^ (p & q)) + Sigma0(g);
    e = first(e + load<u32>(w, 44), b, c, d); a += e; q = f ^ g; e = e + (g ^ (q & p)) + Sigma0(f);
    d = first(d + load<u32>(w, 48), a, b, c); h += d; p = e ^ f; d = d + (f ^ (p & q)) + Sigma0(e);
    c = first(c + load<u32>(w, 52), h, a, b); g += c; q = d ^ e; c = c + (e ^ (q & p)) + Sigma0(d);
    b = first(b + load<u32>(w, 56), g, h, a); f += b; p = c ^ d; b = b + (d ^ (p & q)) + Sigma0(c);
    a = first(a + load<u32>(w, 60), f, g, h); e += a; q = b ^ c; a = a + (c ^ (q & p)) + Sigma0(b);
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
