/** The SM2 curve and the verification of its signatures (GB/T 32918.2-2016 §7.1). Arithmetic is noble-curves', SM3 wasm-core's. */

import { concatBytes, utf8Encode } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { weierstrassN } from "@noble/curves/abstract/weierstrass";
import { DerReader, tags } from "./der.ts";

/** GB/T 32918.5-2017: the recommended curve, sm2p256v1. */
export const Point = weierstrassN({
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
});

export type Sm2PublicKey = InstanceType<typeof Point>;

/** Bytes of a coordinate, and of a scalar. */
export const SM2_BYTES = 32;

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

/** GM/T 0009-2012 §10: the id that stands for any signer, and its length in bits before it. */
const signerId = concatBytes(Uint8Array.of(0, 128), utf8Encode("1234567812345678"));

/** e = SM3(Z || M), Z = SM3(ENTL || ID || a || b || G || P): GB/T 32918.2-2016 §5.5, §6.1. `point` has x and y of the signer's key. */
export function sm2Digest(core: Core, point: Uint8Array, message: Uint8Array): Uint8Array {
  const { a, b } = Point.CURVE();
  const base = Point.BASE.toBytes(false).subarray(1);
  const z = core.sm3(concatBytes(signerId, number(a), number(b), base, point));
  return core.sm3(concatBytes(z, message));
}

/** Whether `signature`, SEQUENCE { r, s } in DER, is one over the digest e. Anything else is none. */
export function verifySm2(key: Sm2PublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  const outer = new DerReader(signature);
  const pair = outer.read(tags.sequence);
  if (pair === null || !outer.isAtEnd) return false;
  const reader = new DerReader(pair);
  const r = scalar(reader.readPositive());
  const s = scalar(reader.readPositive());
  if (r === null || s === null || !reader.isAtEnd) return false;
  const n = Point.Fn.ORDER;
  const t = (r + s) % n;
  if (t === 0n) return false;
  const sum = Point.BASE.multiplyUnsafe(s).add(key.multiplyUnsafe(t));
  if (sum.is0()) return false;
  const e = BigInt(`0x${hexOf(digest)}`);
  return (e + sum.toAffine().x) % n === r;
}

/** 1 … n - 1, or null. */
function scalar(bytes: Uint8Array | null): bigint | null {
  if (bytes === null || bytes.length > SM2_BYTES) return null;
  const value = BigInt(`0x${hexOf(bytes)}`);
  return value > 0n && value < Point.Fn.ORDER ? value : null;
}

function number(value: bigint): Uint8Array {
  const text = value.toString(16).padStart(2 * SM2_BYTES, "0");
  return Uint8Array.from({ length: SM2_BYTES }, (_, n) =>
    Number.parseInt(text.slice(2 * n, 2 * n + 2), 16),
  );
}

function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
