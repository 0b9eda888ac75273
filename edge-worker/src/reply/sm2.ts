/**
 * SM2 public-key encryption (GB/T 32918.4-2016 §6.1, also GM/T 0003.4): C1 = [k]G, t = KDF(x2 || y2, klen), C2 = M xor t,
 * C3 = SM3(x2 || M || y2), where (x2, y2) = [k]P.
 *
 * The curve arithmetic is noble-curves'; SM3 is wasm-core's. The scalar k is fresh and used once. BigInt arithmetic is not
 * constant time in JavaScript, noble's algorithm has no branch on k.
 */

import { type Bytes, concatBytes, writeU32 } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { der, derPositive, tags } from "../public-keys/der.ts";
import { Point, SM2_BYTES, type Sm2PublicKey } from "../public-keys/sm2.ts";

const HASH = 32;

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
  const bytes = new Uint8Array(SM2_BYTES);
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
  return [bytes.slice(1, 1 + SM2_BYTES), bytes.slice(1 + SM2_BYTES)];
}

/** KDF of GB/T 32918.4-2016 §5.4.3: SM3(x2 || y2 || counter(4)), counter from 1, big-endian. */
function deriveMask(core: Core, x2: Uint8Array, y2: Uint8Array, length: number): Uint8Array {
  const input = concatBytes(x2, y2, new Uint8Array(4));
  const mask = new Uint8Array(length);
  for (let offset = 0, counter = 1; offset < length; offset += HASH, counter++) {
    writeU32(input, 2 * SM2_BYTES, counter);
    const block = core.sm3(input);
    mask.set(block.subarray(0, length - offset), offset);
    block.fill(0);
  }
  input.fill(0);
  return mask;
}
