/** Asymmetric CMKs (contract §3.7): what each usage is made of, and what each algorithm does with it. */

import type { AsymmetricKeyUsage, RsaDecryptAlgorithm, SignAlgorithm } from "@edge-kms/protocol";
import type { PairKind, RsaPadding, SignScheme } from "../key-store.ts";

/** SM2 pairs are in no token (PKCS#11 v2.40 has none): they are always kept wrapped. */
export type KeyPairKind = PairKind | "sm2-decrypt" | "sm2-sign";

export const kindOfUsage: Readonly<Record<AsymmetricKeyUsage, KeyPairKind>> = {
  ASYMMETRIC_DECRYPT_RSA_2048: "rsa-2048-decrypt",
  ASYMMETRIC_DECRYPT_SM2: "sm2-decrypt",
  ASYMMETRIC_SIGN_VERIFY_SM2: "sm2-sign",
  ASYMMETRIC_SIGN_VERIFY_ECC: "p-256-sign",
  ASYMMETRIC_SIGN_VERIFY_RSA_2048: "rsa-2048-sign",
  ASYMMETRIC_SIGN_VERIFY_ECDSA384: "p-384-sign",
};

export const paddingOf: Readonly<Record<RsaDecryptAlgorithm, RsaPadding>> = {
  RSAES_PKCS1_V1_5: "pkcs1",
  RSAES_OAEP_SHA_1: "oaep-sha1",
  RSAES_OAEP_SHA_256: "oaep-sha256",
};

export const schemeOf: Readonly<Record<SignAlgorithm, SignScheme | "sm2">> = {
  RSA_PSS_SHA_256: "rsa-pss-sha256",
  RSA_PKCS1_SHA_256: "rsa-pkcs1-sha256",
  ECC_P256_R1: "ecdsa",
  ECC_P384_R1: "ecdsa",
  SM2DSA: "sm2",
};
