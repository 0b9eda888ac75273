// Random cases compared with node:crypto (OpenSSL) and @noble/ciphers. One call is one case.

import type { CipherGCM } from "node:crypto";
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import type { Core } from "@edge-kms/wasm-core";
import { gcm } from "@noble/ciphers/aes.js";
import { toHex } from "./builds.ts";
import type { Random } from "./random.ts";

function assertSame(actual: Uint8Array | null, expected: Uint8Array, what: string): void {
  if (actual !== null && Buffer.compare(actual, expected) === 0) return;
  throw new Error(`${what}: ${actual === null ? "refused" : toHex(actual.subarray(0, 64))}`);
}

function opensslCipher(name: string, key: Uint8Array, iv: Uint8Array | null, data: Uint8Array) {
  const cipher = createCipheriv(name, key, iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

function opensslDecipher(name: string, key: Uint8Array, iv: Uint8Array | null, data: Uint8Array) {
  const decipher = createDecipheriv(name, key, iv).setAutoPadding(false);
  return Buffer.concat([decipher.update(data), decipher.final()]);
}

function aesKey(random: Random): Uint8Array {
  return random.bytes(16 + 8 * random.below(3));
}

/** GCM under an AES key: one-shot both ways, a stream, and a flipped bit. */
export function gcmCase(core: Core, random: Random, limit: number): void {
  const key = aesKey(random);
  const nonceBytes = random.below(4) === 0 ? 1 + random.below(64) : 12;
  const nonce = random.unaligned(random.bytes(nonceBytes));
  const aad = random.unaligned(random.bytes(random.length(200)));
  const plaintext = random.unaligned(random.bytes(random.length(limit)));
  const what = `gcm key ${key.length} nonce ${nonceBytes} aad ${aad.length} text ${plaintext.length}`;
  let expected: Uint8Array;
  if (nonceBytes >= 8 && random.below(8) === 0) {
    expected = gcm(key, nonce, aad).encrypt(plaintext);
  } else {
    const cipher = createCipheriv(
      `aes-${key.length * 8}-gcm` as "aes-256-gcm",
      key,
      nonce,
    ) as CipherGCM;
    cipher.setAAD(aad);
    const text = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    expected = Buffer.concat([text, cipher.getAuthTag()]);
  }
  const handle = core.gcmKey("AES", key);
  try {
    const sealed = handle.encrypt(nonce, aad, plaintext);
    assertSame(sealed, expected, what);
    assertSame(handle.decrypt(nonce, aad, sealed), plaintext, `${what}, back`);
    const cut = random.below(plaintext.length + 1);
    const stream = handle.encryptStream(nonce, aad);
    const parts = [
      stream.update(plaintext.subarray(0, cut)),
      stream.update(plaintext.subarray(cut)),
      stream.final(),
    ];
    assertSame(Buffer.concat(parts), expected, `${what}, stream cut at ${cut}`);
    const at = random.below(sealed.length);
    sealed[at] = (sealed[at] ?? 0) ^ (1 << random.below(8));
    if (handle.decrypt(nonce, aad, sealed) !== null) throw new Error(`${what}: forged at ${at}`);
  } finally {
    handle.release();
  }
}

/** ECB, CBC and CTR under AES or SM4, both ways. */
export function blockModeCase(core: Core, random: Random, limit: number): void {
  const isAes = random.below(2) === 0;
  const key = isAes ? aesKey(random) : random.bytes(16);
  const name = isAes ? `aes-${key.length * 8}` : "sm4";
  const handle = core.blockKey(isAes ? "AES" : "SM4", key);
  const iv = random.bytes(16);
  if (random.below(4) === 0) iv.fill(0xff, random.below(16), 15); // carries across the counter
  const data = random.unaligned(random.bytes(random.length(limit)));
  const blocks = data.subarray(0, data.length & ~15);
  try {
    const what = `${name} ${data.length}`;
    const ecb = handle.encryptBlocks(blocks);
    assertSame(ecb, opensslCipher(`${name}-ecb`, key, null, blocks), `${what} ecb`);
    assertSame(
      handle.decryptBlocks(blocks),
      opensslDecipher(`${name}-ecb`, key, null, blocks),
      `${what} ecb-1`,
    );
    const cbc = handle.cbcEncrypt(iv, blocks);
    assertSame(cbc, opensslCipher(`${name}-cbc`, key, iv, blocks), `${what} cbc`);
    assertSame(handle.cbcDecrypt(iv, cbc), blocks, `${what} cbc-1`);
    assertSame(handle.ctr(iv, data), opensslCipher(`${name}-ctr`, key, iv, data), `${what} ctr`);
  } finally {
    handle.release();
  }
}

/** SM4-GCM has no second opinion in OpenSSL 3.0: its CTR part does, and its tag must be bound to every byte. */
export function sm4GcmCase(core: Core, random: Random, limit: number): void {
  const key = random.bytes(16);
  const nonce = random.bytes(12);
  const aad = random.unaligned(random.bytes(random.length(100)));
  const plaintext = random.unaligned(random.bytes(random.length(limit)));
  const handle = core.gcmKey("SM4", key);
  try {
    const sealed = handle.encrypt(nonce, aad, plaintext);
    const counter = Buffer.concat([nonce, Buffer.from([0, 0, 0, 2])]);
    const text = opensslCipher("sm4-ctr", key, counter, plaintext);
    assertSame(sealed.subarray(0, plaintext.length), text, `sm4-gcm ${plaintext.length}`);
    assertSame(handle.decrypt(nonce, aad, sealed), plaintext, "sm4-gcm, back");
    const at = random.below(sealed.length);
    sealed[at] = (sealed[at] ?? 0) ^ (1 << random.below(8));
    if (handle.decrypt(nonce, aad, sealed) !== null) throw new Error(`sm4-gcm: forged at ${at}`);
  } finally {
    handle.release();
  }
}

export function hashCase(core: Core, random: Random, limit: number): void {
  const data = random.unaligned(random.bytes(random.length(limit)));
  const sm3 = createHash("sm3").update(data).digest();
  assertSame(core.sm3(data), sm3, `sm3 ${data.length}`);
  const sha256 = createHash("sha256").update(data).digest();
  assertSame(core.sha256(data), sha256, `sha256 ${data.length}`);
}

export const CASES = [gcmCase, blockModeCase, sm4GcmCase, hashCase] as const;
