// Random cases compared with node:crypto (OpenSSL) and @noble/ciphers. One call is one case.

import type { CipherGCM } from "node:crypto";
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import type { Core } from "@edge-kms/wasm-core";
import { ghash } from "@noble/ciphers/_polyval.js";
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

/** SM4-GCM, which OpenSSL 3.0 lacks, from its sm4-ctr and sm4-ecb and the GHASH of @noble/ciphers. */
function sm4Gcm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Buffer {
  const block = (input: Uint8Array) => opensslCipher("sm4-ecb", key, null, input);
  const counter = (n: number) => Buffer.concat([nonce, Buffer.from([0, 0, 0, n])]);
  const ciphertext = opensslCipher("sm4-ctr", key, counter(2), text);
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 15)]);
  const lengths = Buffer.alloc(16);
  lengths.writeUInt32BE(aad.length * 8, 4);
  lengths.writeUInt32BE(ciphertext.length * 8, 12);
  const hashed = Buffer.concat([padded(aad), padded(ciphertext), lengths]);
  const hash = ghash(hashed, block(Buffer.alloc(16)));
  const mask = block(counter(1));
  return Buffer.concat([ciphertext, mask.map((byte, n) => byte ^ (hash[n] ?? 0))]);
}

export function sm4GcmCase(core: Core, random: Random, limit: number): void {
  const key = random.bytes(16);
  const nonce = random.bytes(12);
  const aad = random.unaligned(random.bytes(random.length(100)));
  const plaintext = random.unaligned(random.bytes(random.length(limit)));
  const handle = core.gcmKey("SM4", key);
  try {
    const sealed = handle.encrypt(nonce, aad, plaintext);
    assertSame(sealed, sm4Gcm(key, nonce, aad, plaintext), `sm4-gcm ${plaintext.length}`);
    assertSame(handle.decrypt(nonce, aad, sealed), plaintext, "sm4-gcm, back");
    const at = random.below(sealed.length);
    sealed[at] = (sealed[at] ?? 0) ^ (1 << random.below(8));
    if (handle.decrypt(nonce, aad, sealed) !== null) throw new Error(`sm4-gcm: forged at ${at}`);
  } finally {
    handle.release();
  }
}

/** The suites, from OpenSSL's block ciphers: every CMAC in them is over whole blocks. */
export function suiteCase(core: Core, random: Random, limit: number): void {
  const suite = random.below(2) === 0 ? 1 : 2;
  const key = random.bytes(suite === 1 ? 32 : 16);
  const nonce = random.bytes(24);
  const aad = random.unaligned(random.bytes(random.length(300)));
  const plaintext = random.unaligned(random.bytes(random.length(limit)));
  const what = `suite ${suite} aad ${aad.length} text ${plaintext.length}`;
  const cbc = (data: Uint8Array) =>
    opensslCipher(suite === 1 ? "aes-256-cbc" : "sm4-cbc", key, Buffer.alloc(16), data).subarray(
      -16,
    );
  const subkey = BigInt(`0x${toHex(cbc(Buffer.alloc(16)))}`) << 1n;
  const k1 = Buffer.from(
    (subkey >> 128n ? subkey ^ ((1n << 128n) | 0x87n) : subkey).toString(16).padStart(32, "0"),
    "hex",
  );
  const mac = (...parts: Uint8Array[]) => {
    const data = Buffer.concat(parts);
    for (let n = 0; n < 16; n++) {
      const at = data.length - 16 + n;
      data[at] = (data[at] ?? 0) ^ (k1[n] ?? 0);
    }
    return cbc(data);
  };
  const derive = (n: number) => mac(Buffer.from([0, n, 0x58, 0]), nonce.subarray(0, 12));
  const commit = (n: number) => mac(Buffer.from("XCMT"), nonce, Buffer.from([0, 1, 0, n]));
  const iv = nonce.subarray(12);
  const expected =
    suite === 1
      ? gcm(Buffer.concat([derive(1), derive(2)]), iv, aad).encrypt(plaintext)
      : sm4Gcm(derive(1), iv, aad, plaintext);
  const handle = core.suiteKey(suite, key);
  try {
    const sealed = handle.encrypt(nonce, aad, plaintext);
    assertSame(sealed.ciphertext, expected, what);
    assertSame(sealed.commitment, Buffer.concat([commit(1), commit(2)]), `${what}, commitment`);
    const opened = handle.decrypt(nonce, aad, sealed.commitment, sealed.ciphertext);
    assertSame(opened, plaintext, `${what}, back`);
    const part = random.below(2) === 0 ? sealed.commitment : sealed.ciphertext;
    const at = random.below(part.length);
    part[at] = (part[at] ?? 0) ^ (1 << random.below(8));
    if (handle.decrypt(nonce, aad, sealed.commitment, sealed.ciphertext) !== null) {
      throw new Error(`${what}: forged at ${at}`);
    }
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

export const CASES = [gcmCase, blockModeCase, sm4GcmCase, suiteCase, hashCase] as const;
