// SM3 (GB/T 32905-2016).

import { ld, st, swapWords } from "./simd";

const W = memory.data(68 * 4, 16); // message schedule; wiped by whoever ends a message

/** §4.1: the initial value. */
export function sm3Start(state: usize): void {
  store<u32>(state, 0x7380166f);
  store<u32>(state, 0x4914b2b9, 4);
  store<u32>(state, 0x172442d7, 8);
  store<u32>(state, 0xda8a0600, 12);
  store<u32>(state, 0xa96f30bc, 16);
  store<u32>(state, 0x163138aa, 20);
  store<u32>(state, 0xe38dee4d, 24);
  store<u32>(state, 0xb0fb0e4e, 28);
}

// §4.4: the permutations.
// @ts-ignore: decorator
@inline
function p0(x: u32): u32 {
  return x ^ rotl<u32>(x, 9) ^ rotl<u32>(x, 17);
}

// @ts-ignore: decorator
@inline
function p1(x: u32): u32 {
  return x ^ rotl<u32>(x, 15) ^ rotl<u32>(x, 23);
}

/** §5.3 over `blocks` blocks of 64 bytes; `state` is eight words in the machine's order. */
export function sm3Blocks(state: usize, data: usize, blocks: usize): void {
  for (; blocks > 0; blocks--, data += 64) {
    for (let t: usize = 0; t < 64; t += 16) st(W + t, swapWords(ld(data + t)));
    for (let p = W + 64; p < W + 272; p += 4) {
      const w = p1(load<u32>(p - 64) ^ load<u32>(p - 36) ^ rotl<u32>(load<u32>(p - 12), 15));
      store<u32>(p, w ^ rotl<u32>(load<u32>(p - 52), 7) ^ load<u32>(p - 24));
    }
    let a = load<u32>(state);
    let b = load<u32>(state, 4);
    let c = load<u32>(state, 8);
    let d = load<u32>(state, 12);
    let e = load<u32>(state, 16);
    let f = load<u32>(state, 20);
    let g = load<u32>(state, 24);
    let h = load<u32>(state, 28);
    let constant: u32 = 0x79cc4519; // §4.2: T, turned by one bit each round
    for (let j: usize = 0; j < 64; j++) {
      if (j == 16) constant = rotl<u32>(0x7a879d8a, 16);
      const turned = rotl<u32>(a, 12);
      const ss1 = rotl<u32>(turned + e + constant, 7);
      let ff: u32;
      let gg: u32;
      if (j < 16) {
        ff = a ^ b ^ c;
        gg = e ^ f ^ g;
      } else {
        ff = (a & b) | (c & (a | b));
        gg = g ^ (e & (f ^ g));
      }
      const word = load<u32>(W + j * 4);
      const tt1 = ff + d + (ss1 ^ turned) + (word ^ load<u32>(W + j * 4 + 16));
      const tt2 = gg + h + ss1 + word;
      d = c;
      c = rotl<u32>(b, 9);
      b = a;
      a = tt1;
      h = g;
      g = rotl<u32>(f, 19);
      f = e;
      e = p0(tt2);
      constant = rotl<u32>(constant, 1);
    }
    store<u32>(state, load<u32>(state) ^ a);
    store<u32>(state, load<u32>(state, 4) ^ b, 4);
    store<u32>(state, load<u32>(state, 8) ^ c, 8);
    store<u32>(state, load<u32>(state, 12) ^ d, 12);
    store<u32>(state, load<u32>(state, 16) ^ e, 16);
    store<u32>(state, load<u32>(state, 20) ^ f, 20);
    store<u32>(state, load<u32>(state, 24) ^ g, 24);
    store<u32>(state, load<u32>(state, 28) ^ h, 28);
  }
}

export function sm3Schedule(): usize {
  return W;
}
