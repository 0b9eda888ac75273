/**
 * SM2 public-key encryption (GB/T 32918.4-2016 §6.1, also GM/T 0003.4): C1 = [k]G, t = KDF(x2 || y2, klen), C2 = M xor t,
 * C3 = SM3(x2 || M || y2), where (x2, y2) = [k]P.
 *
 * The curve arithmetic is noble-curves'; SM3 is wasm-core's. The scalar k is fresh and used once. BigInt arithmetic is not
 * constant time in JavaScript, noble's algorithm has no branch on k.
 */

import { type Bytes, concatBytes, writeU32 } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { weierstrassN } from "@noble/curves/abstract/weierstrass";
import { der, derPositive, tags } from "./der.ts";

/** GB/T 32918.5-2017: the recommended curve, sm2p256v1. */
const Point = weierstrassN({
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
});

export type Sm2PublicKey = InstanceType<typeof Point>;

const COORDINATE = 32;
const HASH = 32;

/** x and y, 32 bytes each, as a point of the curve; null when they are none. */
export function sm2PublicKey(point: Uint8Array): Sm2PublicKey | null {
  try {
    const key = Point.fromBytes(concatBytes(Uint8Array.of(0x04), point));
    key.assertValidity();
    return key;
  } catch {
    return null;
  }
}

export interface Sm2Ciphertext {
  /** x and y of C1. */
  readonly x: Uint8Array;
  readonly y: Uint8Array;
  readonly c2: Uint8Array;
  readonly c3: Uint8Array;
}

/** `plaintext` is read, not kept. */
export function encryptSm2(core: Core, key: Sm2PublicKey, plaintext: Uint8Array): Sm2Ciphertext {
  for (;;) {
    const k = randomScalar();
    const [x, y] = coordinates(Point.BASE.multiply(k));
    const [x2, y2] = coordinates(key.multiply(k));
    const mask = deriveMask(core, x2, y2, plaintext.length);
    const message = concatBytes(x2, plaintext, y2);
    try {
      // Step A5: a mask of zeros would show the plaintext.
      if (plaintext.length > 0 && mask.every((byte) => byte === 0)) continue;
      const c2 = plaintext.map((byte, n) => byte ^ (mask[n] as number));
      return { x, y, c2, c3: core.sm3(message) };
    } finally {
      for (const secret of [x2, y2, mask, message]) secret.fill(0);
    }
  }
}

/** C1 || C3 || C2, C1 without its leading 0x04: what the service answers for `SM2`. */
export function sm2Raw({ x, y, c2, c3 }: Sm2Ciphertext): Bytes {
  return concatBytes(x, y, c3, c2);
}

/** GM/T 0009-2012 §7.2: SEQUENCE { INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2 }. */
export function sm2Asn1({ x, y, c2, c3 }: Sm2Ciphertext): Uint8Array {
  return der(
    tags.sequence,
    derPositive(x),
    derPositive(y),
    der(tags.octetString, c3),
    der(tags.octetString, c2),
  );
}

/** 1 … n - 1, uniformly: draws that are out of range are thrown away. */
function randomScalar(): bigint {
  const bytes = new Uint8Array(COORDINATE);
  try {
    for (;;) {
      crypto.getRandomValues(bytes);
      let k = 0n;
      for (const byte of bytes) k = (k << 8n) | BigInt(byte);
      if (k > 0n && k < Point.Fn.ORDER) return k;
    }
  } finally {
    bytes.fill(0);
  }
}

function coordinates(point: Sm2PublicKey): [x: Uint8Array, y: Uint8Array] {
  const bytes = point.toBytes(false);
  return [bytes.slice(1, 1 + COORDINATE), bytes.slice(1 + COORDINATE)];
}

/** KDF of GB/T 32918.4-2016 §5.4.3: SM3(x2 || y2 || counter(4)), counter from 1, big-endian. */
function deriveMask(core: Core, x2: Uint8Array, y2: Uint8Array, length: number): Uint8Array {
  const input = concatBytes(x2, y2, new Uint8Array(4));
  const mask = new Uint8Array(length);
  for (let offset = 0, counter = 1; offset < length; offset += HASH, counter++) {
    writeU32(input, 2 * COORDINATE, counter);
    const block = core.sm3(input);
    mask.set(block.subarray(0, length - offset), offset);
    block.fill(0);
  }
  input.fill(0);
  return mask;
}
