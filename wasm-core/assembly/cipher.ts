// A block cipher chosen by its key: AES (aes.ts) or SM4 (sm4.ts). Which one is public.

import { AES, CK_KIND } from "./layout";
import {
  BLOCKS, BLOCKS_SIZE, COUNTERS, COUNTERS_SIZE, aesEnter, aesEnterCounters, aesEnterInverse,
  aesInverseRounds, aesInvert, aesPrepareCounters, aesRounds,
} from "./aes";
import { GROUPS, GROUPS_SIZE, sm4Enter, sm4EnterCounters, sm4Invert, sm4Rounds } from "./sm4";
import { ld, ldNonce, loadBe32, st, storeBe32, wipe, xor } from "./simd";

/** Zeroes what the kernels leave of their last blocks. */
export function wipeCipher(): void {
  wipe(BLOCKS, BLOCKS_SIZE);
  wipe(COUNTERS, COUNTERS_SIZE);
  wipe(GROUPS, GROUPS_SIZE);
}

/**
 * Encrypts `count` blocks from `from` to `to`, which may be `from`. The kernels' state is left for the caller to
 * wipe.
 */
export function encryptBlocks(ck: usize, to: usize, from: usize, count: usize): void {
  if (load<u32>(ck + CK_KIND) == AES) {
    while (count > 0) {
      const now = min<usize>(count, 16);
      for (let n: usize = 0; n < now; n++) aesEnter(ck, n, ld(from + n * 16));
      aesRounds(ck, now, 1);
      for (let n: usize = 0; n < now; n++) st(to + n * 16, ld(BLOCKS + n * 16));
      from += now * 16;
      to += now * 16;
      count -= now;
    }
  } else sm4Blocks(ck, to, from, count);
}

/** Block m of those that GCM makes from a nonce of 12 bytes: zeroes for m = 0, else the nonce and m. */
// @ts-ignore: decorator
@inline
function freshBlock(nonce: v128, m: u32): v128 {
  if (m == 0) return i32x4.splat(0);
  return i32x4.replace_lane(nonce, 3, bswap<u32>(m));
}

/** The blocks `first`, 0 or 1, and so on of the nonce at `iv`, to `to`. */
export function storeFresh(to: usize, iv: usize, first: u32, count: usize): void {
  const nonce = ldNonce(iv);
  for (let n: usize = 0; n < count; n++) st(to + n * 16, freshBlock(nonce, first + <u32>n));
}

/**
 * Those blocks encrypted, at most 16, in the memory of the cipher: the hash key (when `first` is 0), the mask of the
 * tag, the keystream. Returns where; the caller wipes with `wipeFresh`.
 */
export function encryptFresh(ck: usize, iv: usize, first: u32, count: usize): usize {
  const nonce = ldNonce(iv);
  if (load<u32>(ck + CK_KIND) == AES) {
    for (let n: usize = 0; n < count; n++) aesEnter(ck, n, freshBlock(nonce, first + <u32>n));
    aesRounds(ck, count, 1);
    return BLOCKS;
  }
  const groups = (count + 3) >> 2;
  sm4EnterCounters(groups, iv, first);
  if (first == 0) sm4Enter(GROUPS, freshBlock(nonce, 0), freshBlock(nonce, 1), freshBlock(nonce, 2), freshBlock(nonce, 3));
  sm4Rounds(ck, groups);
  return GROUPS;
}

export function wipeFresh(ck: usize, count: usize): void {
  if (load<u32>(ck + CK_KIND) == AES) wipe(BLOCKS, count * 16);
  else wipe(GROUPS, GROUPS_SIZE);
}

/** Decrypts `count` blocks; `dk` comes from `invertKey`. */
export function decryptBlocks(dk: usize, to: usize, from: usize, count: usize): void {
  if (load<u32>(dk + CK_KIND) == AES) {
    while (count > 0) {
      const now = min<usize>(count, 16);
      for (let n: usize = 0; n < now; n++) aesEnterInverse(dk, n, ld(from + n * 16));
      aesInverseRounds(dk, now);
      for (let n: usize = 0; n < now; n++) st(to + n * 16, ld(BLOCKS + n * 16));
      from += now * 16;
      to += now * 16;
      count -= now;
    }
  } else sm4Blocks(dk, to, from, count); // SM4 decrypts with its round keys reversed
}

function sm4Blocks(ck: usize, to: usize, from: usize, count: usize): void {
  while (count > 0) {
    const now = min<usize>(count, 24);
    const groups = (now + 3) >> 2;
    const last = now - 1;
    for (let n: usize = 0; n < groups * 4; n += 4) {
      sm4Enter(
        GROUPS + n * 16,
        ld(from + n * 16),
        ld(from + min<usize>(n + 1, last) * 16), // lanes without a block of their own repeat the last
        ld(from + min<usize>(n + 2, last) * 16),
        ld(from + min<usize>(n + 3, last) * 16),
      );
    }
    sm4Rounds(ck, groups);
    for (let n: usize = 0; n < now; n++) st(to + n * 16, ld(GROUPS + n * 16));
    from += now * 16;
    to += now * 16;
    count -= now;
  }
}

/** Round keys for decryption, at `dk`, from those for encryption. */
export function invertKey(dk: usize, ck: usize): void {
  if (load<u32>(ck + CK_KIND) == AES) aesInvert(dk, ck);
  else sm4Invert(dk, ck);
}

/** At most sixteen blocks of CTR: `base` with `c` in its last lane, counting. */
function someCounters(ck: usize, base: v128, c: u32, to: usize, from: usize, count: usize): void {
  for (let n: usize = 0; n < count; n++) aesEnter(ck, n, i32x4.replace_lane(base, 3, bswap<u32>(c + <u32>n)));
  aesRounds(ck, count, 1);
  for (let n: usize = 0; n < count; n++) st(to + n * 16, xor(ld(from + n * 16), ld(BLOCKS + n * 16)));
}

/**
 * CTR over whole blocks with GCM's counter: the last 32 bits of the 16 bytes at `counter` count modulo 2^32 (SP
 * 800-38D §6.5)
 * and are left at the next value. `to` may be `from`. `isPublic`: the counter holds nothing secret, so that its
 * value may
 * choose the quicker way; the one that GCM computes from a nonce of other than 96 bits comes out of the hash key.
 */
export function counterBlocks(ck: usize, counter: usize, to: usize, from: usize, count: usize, isPublic: bool): void {
  let c = loadBe32(counter + 12);
  if (load<u32>(ck + CK_KIND) == AES) {
    const base = ld(counter);
    if (isPublic && count >= 48) {
      // Sixteen counters that differ in four bits of the last byte: the first two rounds come from what they share.
      const head = (16 - (c & 15)) & 15;
      someCounters(ck, base, c, to, from, head);
      c += head;
      to += head * 16;
      from += head * 16;
      count -= head;
      storeBe32(counter + 12, c);
      aesPrepareCounters(ck, counter);
      for (; count >= 16; count -= 16) {
        if ((c & 0xff) == 0) {
          storeBe32(counter + 12, c);
          aesPrepareCounters(ck, counter);
        }
        aesEnterCounters((c >> 4) & 15);
        aesRounds(ck, 16, 3);
        for (let n: usize = 0; n < 256; n += 16) st(to + n, xor(ld(from + n), ld(BLOCKS + n)));
        c += 16;
        to += 256;
        from += 256;
      }
    }
    while (count > 0) {
      const now = min<usize>(count, 16);
      someCounters(ck, base, c, to, from, now);
      c += <u32>now;
      to += now * 16;
      from += now * 16;
      count -= now;
    }
  } else {
    while (count > 0) {
      const now = min<usize>(count, 24);
      const groups = (now + 3) >> 2;
      sm4EnterCounters(groups, counter, c);
      sm4Rounds(ck, groups);
      for (let n: usize = 0; n < now; n++) st(to + n * 16, xor(ld(from + n * 16), ld(GROUPS + n * 16)));
      c += <u32>now;
      to += now * 16;
      from += now * 16;
      count -= now;
    }
  }
  storeBe32(counter + 12, c);
}
