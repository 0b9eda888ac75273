/** What is signed: a message's digest by the algorithm, or the digest that the caller has made. */

import { createHash } from "node:crypto";
import { type SignAlgorithm, utf8Encode } from "@edge-kms/protocol";
import { sm2Point } from "./wrapped-pair.ts";

/** GB/T 32918.5-2017: a, b and the base point of the SM2 curve. */
const sm2Curve = Buffer.from(
  "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc" +
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93" +
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7" +
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
  "hex",
);
/** GM/T 0009-2012 §10: the id that stands for any signer, and its length in bits before it. */
const signerId = Buffer.concat([Buffer.of(0, 128), utf8Encode("1234567812345678")]);

/** @param publicKey SubjectPublicKeyInfo; SM2 puts the signer's key into the digest (GB/T 32918.2-2016 §5.5). */
export function digestOf(
  algorithm: SignAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
): Buffer {
  switch (algorithm) {
    case "RSA_PSS_SHA_256":
    case "RSA_PKCS1_SHA_256":
    case "ECC_P256_R1":
      return createHash("sha256").update(message).digest();
    case "ECC_P384_R1":
      return createHash("sha384").update(message).digest();
    case "SM2DSA": {
      const z = createHash("sm3").update(signerId).update(sm2Curve).update(sm2Point(publicKey));
      return createHash("sm3").update(z.digest()).update(message).digest();
    }
  }
}

/** SEQUENCE { r, s } in DER (RFC 3279 §2.2.3) from r || s. */
export function derSignature(pair: Uint8Array): Buffer {
  const half = pair.length / 2;
  const numbers = Buffer.concat([pair.subarray(0, half), pair.subarray(half)].map(derPositive));
  return Buffer.concat([Buffer.of(0x30, numbers.length), numbers]);
}

function derPositive(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const magnitude = bytes.subarray(start);
  const sign = (magnitude[0] as number) >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.of(0x02, magnitude.length + sign.length, ...sign), magnitude]);
}
