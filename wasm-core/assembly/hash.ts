// Hashing of messages, and HMAC (FIPS 198-1), over SHA-256 or SM3. Which one is public.
//
// hash context  state(32) | block(64) | bytes(8) | kind(4) | zero(4)
// hmac key      inner(32) | outer(32) | kind(4) | zero(12): the two states after the padded key

import { SHA256_SCHEDULE_SIZE, sha256Blocks, sha256Schedule, sha256Start } from "./sha256";
import { sm3Blocks, sm3Schedule, sm3Start } from "./sm3";
import { SM3 } from "../common/const";
import { copy, ld, st, storeBe64, swapWords, wipe, xor } from "./simd";

const BLOCK: usize = 32;
const BYTES: usize = 96;
const KIND: usize = 104;
export const HASH_CONTEXT_SIZE: usize = 112;
export const HMAC_KEY_SIZE: usize = 80;

const CONTEXT = memory.data(112, 16);
const PAD = memory.data(64, 16);

function compress(kind: u32, state: usize, data: usize, blocks: usize): void {
  if (kind == SM3) sm3Blocks(state, data, blocks);
  else sha256Blocks(state, data, blocks);
}

export function hashStart(ctx: usize, kind: u32): void {
  wipe(ctx, HASH_CONTEXT_SIZE);
  store<u32>(ctx + KIND, kind);
  if (kind == SM3) sm3Start(ctx);
  else sha256Start(ctx);
}

export function hashUpdate(ctx: usize, data: usize, length: usize): void {
  const kind = load<u32>(ctx + KIND);
  const at = <usize>load<u64>(ctx + BYTES) & 63;
  store<u64>(ctx + BYTES, load<u64>(ctx + BYTES) + length);
  if (at > 0) {
    const now = min<usize>(64 - at, length);
    copy(ctx + BLOCK + at, data, now);
    if (at + now < 64) return;
    compress(kind, ctx, ctx + BLOCK, 1);
    data += now;
    length -= now;
  }
  const blocks = length >> 6;
  if (blocks > 0) compress(kind, ctx, data, blocks);
  copy(ctx + BLOCK, data + (blocks << 6), length & 63);
}

/** Writes 32 bytes of digest and wipes context and message schedule. */
export function hashFinish(ctx: usize, digest: usize): void {
  const kind = load<u32>(ctx + KIND);
  finish(ctx, digest);
  wipeHash(ctx, kind);
}

function wipeHash(ctx: usize, kind: u32): void {
  wipe(ctx, HASH_CONTEXT_SIZE);
  if (kind == SM3) wipe(sm3Schedule(), 272);
  else wipe(sha256Schedule(), SHA256_SCHEDULE_SIZE);
}

function finish(ctx: usize, digest: usize): void {
  const kind = load<u32>(ctx + KIND);
  const bytes = load<u64>(ctx + BYTES);
  const at = <usize>bytes & 63;
  wipe(ctx + BLOCK + at, 64 - at);
  store<u8>(ctx + BLOCK + at, 0x80);
  if (at >= 56) {
    compress(kind, ctx, ctx + BLOCK, 1);
    wipe(ctx + BLOCK, 64);
  }
  storeBe64(ctx + BLOCK + 56, bytes << 3);
  compress(kind, ctx, ctx + BLOCK, 1);
  st(digest, swapWords(ld(ctx)));
  st(digest + 16, swapWords(ld(ctx + 16)));
}

/** One message in one piece. */
export function hash(kind: u32, data: usize, length: usize, digest: usize): void {
  hashStart(CONTEXT, kind);
  hashUpdate(CONTEXT, data, length);
  hashFinish(CONTEXT, digest);
}

/** FIPS 198-1 §4: the two states of a key of any length. */
export function hmacInit(hk: usize, kind: u32, key: usize, length: usize): void {
  wipe(PAD, 64);
  if (length > 64) hash(kind, key, length, PAD);
  else copy(PAD, key, length);
  store<u32>(hk + 64, kind);
  addToPad(0x36);
  hashStart(CONTEXT, kind);
  compress(kind, CONTEXT, PAD, 1);
  copy(hk, CONTEXT, 32);
  addToPad(0x36 ^ 0x5c);
  hashStart(CONTEXT, kind);
  compress(kind, CONTEXT, PAD, 1);
  copy(hk + 32, CONTEXT, 32);
  wipe(PAD, 64);
  wipeHash(CONTEXT, kind);
}

function addToPad(byte: u32): void {
  const b = i8x16.splat(<i8>byte);
  for (let n: usize = 0; n < 64; n += 16) st(PAD + n, xor(ld(PAD + n), b));
}

function resume(ctx: usize, kind: u32, state: usize): void {
  copy(ctx, state, 32);
  store<u64>(ctx + BYTES, 64);
  store<u32>(ctx + KIND, kind);
}

/** Starts a MAC in the hash context `ctx`: continue with hashUpdate, end with hmacFinish. */
export function hmacStart(ctx: usize, hk: usize): void {
  resume(ctx, load<u32>(hk + 64), hk);
}

export function hmacFinish(ctx: usize, hk: usize, mac: usize): void {
  finish(ctx, ctx + BLOCK); // the inner digest is the outer message
  resume(ctx, load<u32>(hk + 64), hk + 32);
  store<u64>(ctx + BYTES, 96);
  hashFinish(ctx, mac);
}

/** One message in one piece. */
export function hmac(hk: usize, data: usize, length: usize, mac: usize): void {
  hmacStart(CONTEXT, hk);
  hashUpdate(CONTEXT, data, length);
  hmacFinish(CONTEXT, hk, mac);
}
