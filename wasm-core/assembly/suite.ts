// The two suites of the ciphertext envelope: extended-nonce GCM with key commitment.
//
// Suite 1: XAES-256-GCM (c2sp.org/XAES-256-GCM) with the commitment of KC-XAES (IACR ePrint 2025/758).
// Suite 2: the same construction over SM4.
//
//     N = A(12) || B(12)                                        the 24-byte nonce
//     message key = CMAC(K, 0001 "X" 00 || A) || CMAC(K, 0002 "X" 00 || A)    suite 2: the first half alone
//     commitment  = CMAC(K, "XCMT" || N || 00010001) || CMAC(K, "XCMT" || N || 00010002)
//     ciphertext || tag = GCM(message key, IV = B)
//
// Every input to CMAC is whole blocks, so CMAC is the block chain with K1 added to its last block. The five block
// calls have three that start together and two that follow.
//
// Bounds: suite 1, at most 2^45 messages per key (advantage about 2^-32); turn keys over by 2^40. Suite 2 derives
// keys of 128 bits: with 2^q messages under all keys together an attacker who can test 2^t keys finds some message
// key with probability of at most about 2^(q+t-128), where suite 1 has 2^(q+t-256). Its multi-key margin is smaller by that
// much.
//
// suite key   cipher key | K1(16)

import { CK_KIND, CK_SIZE, GK_POWERS, SM4 } from "./layout";
import { BLOCKS, aesExpand, aesTwoKeys } from "./aes";
import { sm4Expand } from "./sm4";
import { encryptBlocks, encryptFresh, storeFresh, wipeCipher } from "./cipher";
import { declassify } from "./declassify";
import { ghashStart, ghashWipe } from "./ghash";
import { cmacSubkey } from "./cmac";
import {
  gcmAad, gcmDecrypt, gcmEncrypt, gcmAuthenticate, gcmExpect, gcmIsShort, gcmKeyReady, gcmShortOpen, gcmShortSeal,
  gcmStart, gcmTag, gcmVerify, gcmWipe, shortBlocks,
} from "./gcm";
import { copy, equal, equal16, ld, ldNonce, st, wipe, xor } from "./simd";

const K1: usize = CK_SIZE;
export const SUITE_KEY_SIZE: usize = CK_SIZE + 16;

/** Key and context of the one message in work. Wiped before every return to the host that ends a message. */
const MESSAGE_KEY = memory.data(3472, 16);
const MESSAGE = memory.data(112, 16);
const INPUT = memory.data(48, 16);
const DERIVED = memory.data(48, 16);

/** Makes a suite key of 32 bytes (suite 1) or 16 (suite 2). */
export function suiteInit(sk: usize, suite: u32, key: usize): void {
  if (suite == SM4) sm4Expand(sk, key);
  else aesExpand(sk, key, 32);
  cmacSubkey(sk, sk + K1);
  wipeCipher();
}

/** Derives the message key and expands it, without its hash key, and writes the commitment. */
function derive(sk: usize, nonce: usize, commitment: usize): void {
  deriveBytes(sk, nonce, commitment);
  if (load<u32>(sk + CK_KIND) == SM4) sm4Expand(MESSAGE_KEY, DERIVED);
  else aesExpand(MESSAGE_KEY, DERIVED, 32);
  wipe(DERIVED, 48);
}

/** The message key, 32 bytes of which suite 2 uses 16, and the commitment, for GCM that is done elsewhere. */
export function suiteDerive(sk: usize, nonce: usize, commitment: usize, messageKey: usize): void {
  deriveBytes(sk, nonce, commitment);
  copy(messageKey, DERIVED, load<u32>(sk + CK_KIND) == SM4 ? 16 : 32);
  wipe(DERIVED, 48);
  wipeCipher();
}

/** The message key to DERIVED, the commitment to `commitment`. */
function deriveBytes(sk: usize, nonce: usize, commitment: usize): void {
  deriveStart(sk, nonce, INPUT);
  encryptBlocks(sk, commitment, INPUT, 2);
  wipe(INPUT, 48);
}

/** The message key to DERIVED; the last blocks of the two commitment CMACs, not yet encrypted, to `last`. */
function deriveStart(sk: usize, nonce: usize, last: usize): void {
  // All in registers: what is stored in parts and loaded whole makes the processor wait.
  const k1 = ld(sk + K1);
  const a = ldNonce(nonce);
  const first = i8x16.shuffle(a, a, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  st(INPUT, xor(i32x4.replace_lane(first, 0, bswap<u32>(0x00015800)), k1));
  st(INPUT + 16, xor(i32x4.replace_lane(first, 0, bswap<u32>(0x00025800)), k1));
  st(INPUT + 32, i32x4.replace_lane(first, 0, bswap<u32>(0x58434d54))); // "XCMT"
  encryptBlocks(sk, DERIVED, INPUT, 3);
  const chained = xor(ld(DERIVED + 32), k1);
  const end = ldNonce(nonce + 12);
  st(last, xor(i32x4.replace_lane(end, 3, bswap<u32>(0x00010001)), chained));
  st(last + 16, xor(i32x4.replace_lane(end, 3, bswap<u32>(0x00010002)), chained));
}

/** Most blocks of text for which commitment, hash key, tag mask and keystream fit one call of the AES rounds. */
const FUSED_TEXT: usize = 12 * 16;

/**
 * All that a short message needs of the cipher, its ghash key included; writes the commitment. Returns the place of
 * tag mask and keystream.
 */
function deriveShort(sk: usize, nonce: usize, commitment: usize, length: usize): usize {
  const blocks = shortBlocks(length) + 1; // the hash key comes first
  let fresh: usize;
  if (isFused(sk, length)) {
    deriveStart(sk, nonce, BLOCKS);
    storeFresh(BLOCKS + 32, nonce + 12, 0, blocks);
    aesTwoKeys(sk, DERIVED, blocks + 2);
    st(commitment, ld(BLOCKS));
    st(commitment + 16, ld(BLOCKS + 16));
    wipe(INPUT, 48);
    wipe(DERIVED, 48);
    fresh = BLOCKS + 32;
  } else {
    derive(sk, nonce, commitment);
    fresh = encryptFresh(MESSAGE_KEY, nonce + 12, 0, blocks);
  }
  st(MESSAGE_KEY + GK_POWERS, ld(fresh));
  ghashStart(MESSAGE_KEY);
  return fresh + 16;
}

function isFused(sk: usize, length: usize): bool {
  return load<u32>(sk + CK_KIND) != SM4 && length <= FUSED_TEXT;
}

/** Wipes after `deriveShort` and the message. */
function endShort(sk: usize, length: usize): void {
  if (isFused(sk, length)) wipe(BLOCKS, (shortBlocks(length) + 3) * 16);
  else {
    wipe(MESSAGE_KEY, CK_SIZE);
    wipeCipher();
  }
  ghashWipe(MESSAGE_KEY);
}

/**
 * Starts a message: derives its key, writes the 32-byte commitment, takes all of the associated data that is there.
 */
export function suiteStart(sk: usize, nonce: usize, commitment: usize, expected: usize): void {
  derive(sk, nonce, commitment);
  gcmKeyReady(MESSAGE_KEY);
  gcmExpect(MESSAGE_KEY, expected);
  gcmStart(MESSAGE, MESSAGE_KEY, nonce + 12, 12);
}

const COMMITMENT = memory.data(32, 16);
let committed: u32 = 0;

/** Starts decryption of a message with the commitment it came with. The answer waits for `suiteVerify`. */
export function suiteStartOpen(sk: usize, nonce: usize, commitment: usize, expected: usize): void {
  suiteStart(sk, nonce, COMMITMENT, expected);
  committed = equal(COMMITMENT, commitment, 32);
  wipe(COMMITMENT, 32);
}

export function suiteAad(aad: usize, length: usize): void {
  gcmAad(MESSAGE, aad, length);
}

export function suiteEncrypt(text: usize, length: usize): void {
  gcmEncrypt(MESSAGE, text, length);
}

export function suiteFinish(tag: usize): void {
  gcmTag(MESSAGE, tag);
  suiteWipe();
}

export function suiteAuthenticate(text: usize, length: usize): void {
  gcmAuthenticate(MESSAGE, text, length);
}

/** 1 when commitment and tag are both right, compared without telling which; else 0, and the message is wiped. */
export function suiteVerify(tag: usize): u32 {
  const good = declassify(gcmVerify(MESSAGE, tag) & committed);
  committed = 0;
  if (good == 0) suiteWipe();
  return good;
}

export function suiteDecrypt(text: usize, length: usize): void {
  gcmDecrypt(MESSAGE, text, length);
}

export function suiteWipe(): void {
  wipe(MESSAGE_KEY, CK_SIZE);
  ghashWipe(MESSAGE_KEY);
  gcmWipe(MESSAGE);
}

/**
 * A whole message in one call: `length` bytes at `text` are encrypted in place, the tag goes behind them, the
 * commitment
 * to `commitment`.
 */
export function suiteSeal(
  sk: usize, nonce: usize, aad: usize, aadBytes: usize, text: usize, length: usize, commitment: usize,
): void {
  if (gcmIsShort(12, aadBytes, length)) {
    gcmShortSeal(MESSAGE_KEY, aad, aadBytes, text, length, deriveShort(sk, nonce, commitment, length));
    endShort(sk, length);
    return;
  }
  suiteStart(sk, nonce, commitment, aadBytes + length);
  gcmAad(MESSAGE, aad, aadBytes);
  gcmEncrypt(MESSAGE, text, length);
  suiteFinish(text + length);
}

/**
 * The reverse: `length` bytes of ciphertext at `text`, the tag behind them. 1 and the plaintext in place, or 0 and
 * the
 * ciphertext untouched.
 */
export function suiteOpen(
  sk: usize, nonce: usize, aad: usize, aadBytes: usize, text: usize, length: usize, commitment: usize,
): u32 {
  if (gcmIsShort(12, aadBytes, length)) {
    const fresh = deriveShort(sk, nonce, COMMITMENT, length);
    const bound = equal16(COMMITMENT, commitment) & equal16(COMMITMENT + 16, commitment + 16);
    wipe(COMMITMENT, 32);
    const good = gcmShortOpen(MESSAGE_KEY, aad, aadBytes, text, length, fresh, bound);
    endShort(sk, length);
    return good;
  }
  suiteStartOpen(sk, nonce, commitment, aadBytes + length);
  gcmAad(MESSAGE, aad, aadBytes);
  gcmAuthenticate(MESSAGE, text, length);
  if (suiteVerify(text + length) == 0) return 0;
  gcmDecrypt(MESSAGE, text, length);
  suiteWipe();
  return 1;
}
