/** How a plaintext goes back: as it is, or encrypted to the caller's EncryptionPublicKey (contract §3.7). */

import { ApiError, base64Encode, type ReplyAlgorithm, replyAlgorithmOf } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import { type Sm2PublicKey, sm2PublicKey } from "../public-keys/sm2.ts";
import type { RsaPublicKey } from "../public-keys/spki.ts";
import { parseReplyKey } from "./public-key.ts";
import { encryptOaep, encryptPkcs1, longestRsaPlaintext } from "./rsa.ts";
import { encryptSm2, sm2Asn1, sm2Raw } from "./sm2.ts";

/** The member Plaintext of an answer, for a plaintext that stays the caller's to wipe. */
export type Reply = (plaintext: Uint8Array) => Promise<string>;

/**
 * Reads how the caller wants its plaintext, before any key is used. @throws ApiError InvalidParameter for a public key
 * that is none, or not one for the algorithm.
 */
export function prepareReply(
  input: {
    readonly EncryptionPublicKey?: string | undefined;
    readonly EncryptionAlgorithm?: string | undefined;
  },
  core: Core,
): Reply {
  const algorithm = replyAlgorithmOf(input);
  if (algorithm === null) return async (plaintext) => base64Encode(plaintext);
  const key = parseReplyKey(input.EncryptionPublicKey ?? "");
  if (algorithm === "SM2" || algorithm === "SM2_C1C3C2_ASN1") {
    const point = key?.kind === "sm2" ? sm2PublicKey(key.point) : null;
    if (point === null) throw unusableKey("SM2");
    return async (plaintext) => base64Encode(sm2(core, algorithm, point, plaintext));
  }
  if (algorithm === "unknown") throw new ApiError("InvalidParameter");
  if (key?.kind !== "rsa") throw unusableKey("RSA-2048");
  return async (plaintext) => base64Encode(await rsa(algorithm, key, plaintext));
}

function unusableKey(kind: string): ApiError {
  return new ApiError("InvalidParameter", {
    message: `EncryptionPublicKey must be a public key in PEM, ${kind} for this EncryptionAlgorithm.`,
    detail: "reply-key",
  });
}

function sm2(
  core: Core,
  algorithm: "SM2" | "SM2_C1C3C2_ASN1",
  key: Sm2PublicKey,
  plaintext: Uint8Array,
): Uint8Array {
  const ciphertext = encryptSm2(core, key, plaintext);
  return algorithm === "SM2" ? sm2Raw(ciphertext) : sm2Asn1(ciphertext);
}

async function rsa(
  algorithm: Exclude<ReplyAlgorithm, "SM2" | "SM2_C1C3C2_ASN1">,
  key: RsaPublicKey,
  plaintext: Uint8Array,
): Promise<Uint8Array> {
  if (plaintext.length > longestRsaPlaintext[algorithm]) {
    throw new ApiError("FailedOperation.EncryptionError", {
      message: "The plaintext is too long for EncryptionAlgorithm.",
      detail: "reply-too-long",
    });
  }
  switch (algorithm) {
    case "RSAES_PKCS1_V1_5":
      return encryptPkcs1(key, plaintext);
    case "RSAES_OAEP_SHA_1":
      return encryptOaep(key, "SHA-1", plaintext);
    case "RSAES_OAEP_SHA_256":
      return encryptOaep(key, "SHA-256", plaintext);
  }
}
