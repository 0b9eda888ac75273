/** Algorithms of asymmetric CMKs and of imports, as parameters name them (contract §3.6, §3.7). */

import type { KeyUsage } from "../fields.ts";

export const rsaDecryptAlgorithms = [
  "RSAES_PKCS1_V1_5",
  "RSAES_OAEP_SHA_1",
  "RSAES_OAEP_SHA_256",
] as const;
export type RsaDecryptAlgorithm = (typeof rsaDecryptAlgorithms)[number];

/** How imported material is encrypted on its way: RFC 8017 §7.2, §7.1 with SHA-1 or SHA-256 for hash and mask alike, no label. */
export const wrappingAlgorithms = rsaDecryptAlgorithms;
export type WrappingAlgorithm = RsaDecryptAlgorithm;

/**
 * The longest ciphertext of RSA that is taken, a key of 8192 bits' own. What is no 256 bytes was not encrypted to a key here: the bridge
 * finds that out, and the caller is told what any other ciphertext that does not open is.
 */
export const maxRsaCiphertextBytes = 1024;

interface SignAlgorithmRow {
  /** Of the keys that sign so. */
  readonly usage: KeyUsage;
  readonly digestBytes: 32 | 48;
}

/** The contract has no name for P-384: it is called here as its smaller sister is. */
export const signAlgorithmRows = {
  RSA_PSS_SHA_256: { usage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", digestBytes: 32 },
  RSA_PKCS1_SHA_256: { usage: "ASYMMETRIC_SIGN_VERIFY_RSA_2048", digestBytes: 32 },
  ECC_P256_R1: { usage: "ASYMMETRIC_SIGN_VERIFY_ECC", digestBytes: 32 },
  ECC_P384_R1: { usage: "ASYMMETRIC_SIGN_VERIFY_ECDSA384", digestBytes: 48 },
  SM2DSA: { usage: "ASYMMETRIC_SIGN_VERIFY_SM2", digestBytes: 32 },
} as const satisfies Record<string, SignAlgorithmRow>;

export type SignAlgorithm = keyof typeof signAlgorithmRows;

export const signAlgorithms = Object.keys(signAlgorithmRows) as readonly SignAlgorithm[];

/** Whether a message is as long as a digest of the algorithm. */
export function isDigestOf(algorithm: SignAlgorithm, message: Uint8Array): boolean {
  return message.length === signAlgorithmRows[algorithm].digestBytes;
}
