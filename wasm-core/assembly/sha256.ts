// SHA-256 (FIPS 180-4 §6.2).
//
// The constants (§4.2.2, §5.3.3) are the first 32 bits of the fractional parts of cube and square roots of primes; they
// are computed at instantiation, in integers.

import { ld, loadBe32, st, storeBe32, swapWords } from "./simd";

const K = memory.data(256, 16);
const INITIAL = memory.data(32, 16);
const W = memory.data(256, 16); // message schedule; wiped by whoever ends a message

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

// @ts-ignore: decorator
@inline
function small(x: u32, a: u32, b: u32, shift: u32): u32 {
  return rotr<u32>(x, a) ^ rotr<u32>(x, b) ^ (x >> shift);
}

/** The compression function over `blocks` blocks of 64 bytes; `state` is eight words in the machine's order. */
export function sha256Blocks(state: usize, data: usize, blocks: usize): void {
  let h0 = load<u32>(state);
  let h1 = load<u32>(state, 4);
  let h2 = load<u32>(state, 8);
  let h3 = load<u32>(state, 12);
  let h4 = load<u32>(state, 16);
  let h5 = load<u32>(state, 20);
  let h6 = load<u32>(state, 24);
  let h7 = load<u32>(state, 28);
  for (; blocks > 0; blocks--, data += 64) {
    for (let t: usize = 0; t < 64; t += 16) st(W + t, swapWords(ld(data + t)));
    for (let p = W + 64; p < W + 256; p += 4) {
      const w = load<u32>(p - 64) + small(load<u32>(p - 60), 7, 18, 3) + load<u32>(p - 28) + small(load<u32>(p - 8), 17, 19, 10);
      store<u32>(p, w);
    }
    let a = h0;
    let b = h1;
    let c = h2;
    let d = h3;
    let e = h4;
    let f = h5;
    let g = h6;
    let h = h7;
    for (let t: usize = 0; t < 256; t += 4) {
      const t1 = h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + (g ^ (e & (f ^ g))) + load<u32>(K + t) + load<u32>(W + t);
      const t2 = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    h0 += a;
    h1 += b;
    h2 += c;
    h3 += d;
    h4 += e;
    h5 += f;
    h6 += g;
    h7 += h;
  }
  store<u32>(state, h0);
  store<u32>(state, h1, 4);
  store<u32>(state, h2, 8);
  store<u32>(state, h3, 12);
  store<u32>(state, h4, 16);
  store<u32>(state, h5, 20);
  store<u32>(state, h6, 24);
  store<u32>(state, h7, 28);
}

export function sha256Schedule(): usize {
  return W;
}
