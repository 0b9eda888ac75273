// The package's front: one core is one instance of the module, with its own memory and its own handles.

import { type BlockKey, type Cipher, openBlockKey } from "./block-key.ts";
import { assertBytes } from "./errors.ts";
import { type GcmKey, openGcmKey } from "./gcm-key.ts";
import { digest, type HashName, type HmacKey, hkdf, openHmacKey } from "./hash.ts";
import { type CoreLimits, DEFAULT_LIMITS, openMemory, TEXT_BYTES } from "./memory.ts";
import { openSuiteKey, type Suite, type SuiteKey } from "./suite-key.ts";
import type { CompiledModule } from "./web-assembly.ts";

export interface Core {
  /** Memory of the module that callers may use: input and output placed there, at the same start, are not copied. */
  readonly workspace: Uint8Array;
  /** GCM under an AES key of 16, 24 or 32 bytes or an SM4 key of 16. Copied; the caller wipes its own. "HandlesExhausted". */
  gcmKey(cipher: Cipher, key: Uint8Array): GcmKey;
  /** The bare block cipher, CBC, CTR and CMAC. Copied; the caller wipes its own. "HandlesExhausted". */
  blockKey(cipher: Cipher, key: Uint8Array): BlockKey;
  /** Suite 1: 32 bytes of key, suite 2: 16. The key is copied; the caller wipes its own. CoreError "HandlesExhausted". */
  suiteKey(suite: Suite, key: Uint8Array): SuiteKey;
  /** SHA-256, 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** SM3, 32 bytes. */
  sm3(data: Uint8Array): Uint8Array;
  /** A cached HMAC key, by default HMAC-SHA256. The key is copied; the caller wipes its own. CoreError "HandlesExhausted". */
  hmacKey(key: Uint8Array, hash?: HashName): HmacKey;
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  hmacSm3(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** HKDF (RFC 5869) with HMAC-SHA256: `length` bytes, at most 8160. */
  hkdfSha256(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  hkdfSm3(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** Whether the contents are equal, in time that depends on the lengths alone. */
  timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

/** Instantiates a compiled module (dist/relaxed.wasm or dist/plain.wasm). Synchronous; any number of cores may exist. */
export function createCore(module: CompiledModule, limits: Partial<CoreLimits> = {}): Core {
  const memory = openMemory(module, { ...DEFAULT_LIMITS, ...limits });
  const { exports, bytes, text } = memory;

  function hmacOnce(hash: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
    const handle = openHmacKey(memory, hash, key);
    try {
      return handle.sign(data);
    } finally {
      handle.release();
    }
  }

  function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
    assertBytes(a, "a");
    assertBytes(b, "b");
    if (a.length !== b.length) return false;
    const half = TEXT_BYTES / 2;
    let equal = 1;
    for (let offset = 0; offset < a.length; offset += half) {
      const piece = a.subarray(offset, offset + half);
      bytes.set(piece, text);
      bytes.set(b.subarray(offset, offset + half), text + half);
      equal &= exports.equal(text, text + half, piece.length);
    }
    exports.wipe(text, Math.min(a.length, half));
    exports.wipe(text + half, Math.min(a.length, half));
    return equal === 1;
  }

  return {
    workspace: memory.workspace.bytes,
    gcmKey: (cipher, key) => openGcmKey(memory, cipher, key),
    blockKey: (cipher, key) => openBlockKey(memory, cipher, key),
    hkdfSha256: (key, salt, info, length) => hkdf(memory, "SHA-256", key, salt, info, length),
    hkdfSm3: (key, salt, info, length) => hkdf(memory, "SM3", key, salt, info, length),
    suiteKey: (suite, key) => openSuiteKey(memory, suite, key),
    sha256: (data) => digest(memory, "SHA-256", data),
    sm3: (data) => digest(memory, "SM3", data),
    hmacKey: (key, hash = "SHA-256") => openHmacKey(memory, hash, key),
    hmacSha256: (key, data) => hmacOnce("SHA-256", key, data),
    hmacSm3: (key, data) => hmacOnce("SM3", key, data),
    timingSafeEqual,
  };
}
