// GCM (SP 800-38D) over AES or SM4 (RFC 8998 §2, for 128-bit blocks and 16-byte tags).
//
// A context is  y(16) | counter(16) | mask(16) | stream(16) | partial(16) | aadBytes(8) | textBytes(8) | key(4) |
//             isPublic(4) | zero(8)
//   isPublic: the counter is the nonce and a number;   mask: E(J0), added to the tag; stream: keystream of a block
// begun; partial: its ciphertext so far, zeroes after.
//
// Decryption is two passes over the ciphertext: `gcmAuthenticate` and `gcmVerify` first, `gcmDecrypt` only after. No
// plaintext exists before the tag has been found right.

import { GHASH_WIDE, GK_POWERS, GK_READY, GK_SIZE } from "./layout";
import { counterBlocks, encryptBlocks, encryptFresh, wipeCipher, wipeFresh } from "./cipher";
import { ghashBlocks, ghashPadded, ghashRun, ghashStart, ghashWiden } from "./ghash";
import { declassify } from "./declassify";
import { copy, equal16, isZero, ld, st, storeBe32, storeBe64, wipe, xor } from "./simd";

const Y: usize = 0;
const COUNTER: usize = 16;
const MASK: usize = 32;
const STREAM: usize = 48;
const PARTIAL: usize = 64;
const AAD_BYTES: usize = 80;
const TEXT_BYTES: usize = 88;
const KEY: usize = 96;
const IS_PUBLIC: usize = 100;
export const GCM_CONTEXT_SIZE: usize = 112;

const BLOCK = memory.data(16, 16);

/** From this many bytes on, tables for six powers of H pay for themselves. */
const WIDEN_FROM: usize = 512;

/** Completes a gcm key whose cipher key is expanded: H = E(0) (SP 800-38D §7.1, step 1) and its first tables. */
export function gcmKeyReady(gk: usize): void {
  st(BLOCK, i32x4.splat(0));
  encryptBlocks(gk, gk + GK_POWERS, BLOCK, 1);
  ghashStart(gk);
}

/** Starts a message. The nonce may have any length of at least one byte (SP 800-38D §7.1, step 2). */
export function gcmStart(ctx: usize, gk: usize, nonce: usize, nonceBytes: usize): void {
  wipe(ctx, GCM_CONTEXT_SIZE);
  store<u32>(ctx + KEY, <u32>gk);
  store<u32>(ctx + IS_PUBLIC, nonceBytes == 12 ? 1 : 0);
  if (nonceBytes == 12) {
    copy(ctx + COUNTER, nonce, 12);
    storeBe32(ctx + COUNTER + 12, 1);
  } else {
    ghashPadded(gk, ctx + COUNTER, nonce, nonceBytes);
    st(BLOCK, i32x4.splat(0));
    storeBe64(BLOCK + 8, (<u64>nonceBytes) << 3);
    ghashBlocks(gk, ctx + COUNTER, BLOCK, 1);
  }
  st(BLOCK, i32x4.splat(0));
  counterBlocks(gk, ctx + COUNTER, ctx + MASK, BLOCK, 1, false); // J0, and on to inc32(J0)
}

/** Tables for six powers of H, if `bytes` of data are worth it. Only a matter of speed. */
export function gcmExpect(gk: usize, bytes: usize): void {
  if (bytes >= WIDEN_FROM && load<u32>(gk + GK_READY) != GHASH_WIDE) ghashWiden(gk);
}

/** Associated data; every call but the last with a multiple of 16 bytes, all of them before any text. */
export function gcmAad(ctx: usize, aad: usize, length: usize): void {
  ghashPadded(load<u32>(ctx + KEY), ctx + Y, aad, length);
  store<u64>(ctx + AAD_BYTES, load<u64>(ctx + AAD_BYTES) + length);
}

/** Adds keystream to `length` bytes in place, from the block begun or a new one. */
function addStream(ctx: usize, at: usize, text: usize, length: usize): void {
  for (let n: usize = 0; n < length; n++) {
    store<u8>(text + n, load<u8>(text + n) ^ load<u8>(ctx + STREAM + at + n));
  }
}

function nextStream(ctx: usize): void {
  st(ctx + STREAM, i32x4.splat(0));
  counterBlocks(load<u32>(ctx + KEY), ctx + COUNTER, ctx + STREAM, ctx + STREAM, 1, false);
}

/** Takes ciphertext bytes of a block begun at `at` into the hash. */
function hashPartial(ctx: usize, at: usize, text: usize, length: usize): void {
  copy(ctx + PARTIAL + at, text, length);
  if (at + length == 16) {
    ghashBlocks(load<u32>(ctx + KEY), ctx + Y, ctx + PARTIAL, 1);
    st(ctx + PARTIAL, i32x4.splat(0));
  }
}

/** Encrypts `length` bytes in place, continuing the message. */
export function gcmEncrypt(ctx: usize, text: usize, length: usize): void {
  const gk: usize = load<u32>(ctx + KEY);
  const at = <usize>load<u64>(ctx + TEXT_BYTES) & 15;
  store<u64>(ctx + TEXT_BYTES, load<u64>(ctx + TEXT_BYTES) + length);
  if (at > 0) {
    const now = min<usize>(16 - at, length);
    addStream(ctx, at, text, now);
    hashPartial(ctx, at, text, now);
    text += now;
    length -= now;
  }
  // 192 blocks, 3 KiB: what the first pass writes is still in the nearest cache for the second.
  while (length >= 16) {
    const blocks = min<usize>(length >> 4, 192);
    counterBlocks(gk, ctx + COUNTER, text, text, blocks, load<u32>(ctx + IS_PUBLIC) != 0);
    ghashBlocks(gk, ctx + Y, text, blocks);
    text += blocks * 16;
    length -= blocks * 16;
  }
  if (length > 0) {
    nextStream(ctx);
    addStream(ctx, 0, text, length);
    hashPartial(ctx, 0, text, length);
  }
}

/** First pass of decryption: takes `length` bytes of ciphertext into the hash. */
export function gcmAuthenticate(ctx: usize, text: usize, length: usize): void {
  const gk: usize = load<u32>(ctx + KEY);
  const at = <usize>load<u64>(ctx + TEXT_BYTES) & 15;
  store<u64>(ctx + TEXT_BYTES, load<u64>(ctx + TEXT_BYTES) + length);
  if (at > 0) {
    const now = min<usize>(16 - at, length);
    hashPartial(ctx, at, text, now);
    text += now;
    length -= now;
  }
  const blocks = length >> 4;
  if (blocks > 0) ghashBlocks(gk, ctx + Y, text, blocks);
  if ((length & 15) > 0) hashPartial(ctx, 0, text + blocks * 16, length & 15);
}

/** The 16-byte tag of the message so far. */
export function gcmTag(ctx: usize, tag: usize): void {
  const gk: usize = load<u32>(ctx + KEY);
  if ((load<u64>(ctx + TEXT_BYTES) & 15) > 0) ghashBlocks(gk, ctx + Y, ctx + PARTIAL, 1);
  storeBe64(BLOCK, load<u64>(ctx + AAD_BYTES) << 3);
  storeBe64(BLOCK + 8, load<u64>(ctx + TEXT_BYTES) << 3);
  ghashBlocks(gk, ctx + Y, BLOCK, 1);
  st(tag, xor(ld(ctx + Y), ld(ctx + MASK)));
}

const TAG = memory.data(16, 16);

/** 1 when `tag` is the tag of the message so far; readies the context for the second pass, else wipes it. */
export function gcmVerify(ctx: usize, tag: usize): u32 {
  gcmTag(ctx, TAG);
  const good = equal16(TAG, tag);
  st(TAG, i32x4.splat(0));
  st(ctx + PARTIAL, i32x4.splat(0));
  store<u64>(ctx + TEXT_BYTES, 0);
  return good;
}

/** Second pass of decryption: `length` bytes in place. Only for messages whose tag has been verified. */
export function gcmDecrypt(ctx: usize, text: usize, length: usize): void {
  const gk: usize = load<u32>(ctx + KEY);
  const at = <usize>load<u64>(ctx + TEXT_BYTES) & 15;
  store<u64>(ctx + TEXT_BYTES, load<u64>(ctx + TEXT_BYTES) + length);
  if (at > 0) {
    const now = min<usize>(16 - at, length);
    addStream(ctx, at, text, now);
    text += now;
    length -= now;
  }
  const blocks = length >> 4;
  if (blocks > 0) counterBlocks(gk, ctx + COUNTER, text, text, blocks, load<u32>(ctx + IS_PUBLIC) != 0);
  if ((length & 15) > 0) {
    nextStream(ctx);
    addStream(ctx, 0, text + blocks * 16, length & 15);
  }
}

export function gcmWipe(ctx: usize): void {
  wipe(ctx, GCM_CONTEXT_SIZE);
  wipe(BLOCK, 16);
  wipeCipher();
}

// Short messages, handled whole: hash key, tag mask and keystream come from one call of the cipher, and associated
// data, ciphertext and lengths go to the hash as one run of blocks. All scratch here is zero between messages.

const RUN = memory.data(512 + 16, 16); // padded associated data | padded ciphertext | lengths
const SHORT_TEXT: usize = 14 * 16;
const SHORT_RUN: usize = 512;

/** Whether `gcmShortSeal` and `gcmShortOpen` take a message of this size. */
export function gcmIsShort(nonceBytes: usize, aadBytes: usize, length: usize): bool {
  return nonceBytes == 12 && length <= SHORT_TEXT && aadBytes + length <= SHORT_RUN - 32;
}

/** How many blocks of keystream, that of the tag mask included, a short message takes. */
// @ts-ignore: decorator
@inline
export function shortBlocks(length: usize): usize {
  return ((length + 15) >> 4) + 1;
}

/** The tag over associated data and ciphertext. */
function shortTag(gk: usize, aad: usize, aadBytes: usize, text: usize, length: usize, mask: usize): v128 {
  const textAt = RUN + ((aadBytes + 15) & ~15);
  const lengthsAt = textAt + ((length + 15) & ~15);
  if (aadBytes > 0) copy(RUN, aad, aadBytes);
  copy(textAt, text, length);
  // Both lengths in bits, big-endian: below 2^32.
  const lengths = i32x4.replace_lane(i32x4.splat(0), 1, bswap<u32>(<u32>aadBytes << 3));
  st(lengthsAt, i32x4.replace_lane(lengths, 3, bswap<u32>(<u32>length << 3)));
  const hash = ghashRun(gk, RUN, (lengthsAt - RUN + 16) >> 4);
  wipe(RUN, lengthsAt - RUN + 16);
  return xor(hash, ld(mask));
}

function shortStream(text: usize, length: usize, stream: usize): void {
  for (; length >= 16; length -= 16, text += 16, stream += 16) st(text, xor(ld(text), ld(stream)));
  for (; length > 0; length--) store<u8>(text, load<u8>(text++) ^ load<u8>(stream++));
}

/** `fresh`: the tag mask and the keystream, `shortBlocks(length)` blocks; the ghash key of `gk` is ready. */
export function gcmShortSeal(
  gk: usize, aad: usize, aadBytes: usize, text: usize, length: usize, fresh: usize,
): void {
  shortStream(text, length, fresh + 16);
  st(text + length, shortTag(gk, aad, aadBytes, text, length, fresh));
}

/** `good`: 1, or 0 when the message is already known to be wrong. */
export function gcmShortOpen(
  gk: usize, aad: usize, aadBytes: usize, text: usize, length: usize, fresh: usize, good: u32,
): u32 {
  const diff = xor(shortTag(gk, aad, aadBytes, text, length, fresh), ld(text + length));
  good = declassify(good & isZero(diff));
  if (good) shortStream(text, length, fresh + 16);
  return good;
}

const WHOLE = memory.data(112, 16); // context of a message that one call handles whole; wiped

/** A whole message: `length` bytes at `text` are encrypted in place and the tag goes behind them. */
export function gcmSeal(
  gk: usize, nonce: usize, nonceBytes: usize, aad: usize, aadBytes: usize, text: usize, length: usize,
): void {
  if (gcmIsShort(nonceBytes, aadBytes, length)) {
    const blocks = shortBlocks(length);
    gcmShortSeal(gk, aad, aadBytes, text, length, encryptFresh(gk, nonce, 1, blocks));
    wipeFresh(gk, blocks);
    return;
  }
  gcmStart(WHOLE, gk, nonce, nonceBytes);
  gcmAad(WHOLE, aad, aadBytes);
  gcmEncrypt(WHOLE, text, length);
  gcmTag(WHOLE, text + length);
  gcmWipe(WHOLE);
}

/** The reverse: tag behind `length` bytes of ciphertext. 1 and the plaintext in place, or 0 and nothing changed. */
export function gcmOpen(
  gk: usize, nonce: usize, nonceBytes: usize, aad: usize, aadBytes: usize, text: usize, length: usize,
): u32 {
  let good: u32;
  if (gcmIsShort(nonceBytes, aadBytes, length)) {
    const blocks = shortBlocks(length);
    good = gcmShortOpen(gk, aad, aadBytes, text, length, encryptFresh(gk, nonce, 1, blocks), 1);
    wipeFresh(gk, blocks);
    return good;
  }
  gcmStart(WHOLE, gk, nonce, nonceBytes);
  gcmAad(WHOLE, aad, aadBytes);
  gcmAuthenticate(WHOLE, text, length);
  good = declassify(gcmVerify(WHOLE, text + length));
  if (good) gcmDecrypt(WHOLE, text, length);
  gcmWipe(WHOLE);
  return good;
}
