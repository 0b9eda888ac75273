/**
 * Operations that the bridge performs because the key stays there (design §4 "Calls that yield plaintext, keys or
 * signatures from the bridge"): keys of edge mode `proxy`, and ciphertexts of another edge group. What goes in is sealed
 * by the edge to the bridge, what comes out by the bridge to the edge; the control plane that carries both sees who asks,
 * for which key, which operation, and how long operands and result are. The result is good for one call, under terms
 * like a lease's, which the commit point holds it to.
 */

import * as v from "valibot";
import { rsaDecryptAlgorithms, signAlgorithms } from "../actions/kms/key-pairs.ts";
import { type Bytes, concatBytes, readU32, writeU32 } from "../bytes.ts";
import { envelopeBytes } from "../envelope.ts";
import {
  accountId,
  base64Text,
  branchId,
  count,
  edgeGroup,
  edgeId,
  epoch,
  hexOf,
  hpkeSealed,
  instanceId,
  keyId,
  keyVersion,
  leaseId,
  region,
  storeKind,
  suite,
  timeMs,
  wireError,
} from "./fields.ts";
import { leasedKey, requestOrigin } from "./lease.ts";
import { signedMessageSchema } from "./signed-message.ts";

/** As {@link hpkeSealed}, for operands and results: those of the longest message have 8 KiB, in base64 11 KiB. */
const sealedContent = v.strictObject({ ...hpkeSealed.entries, ciphertext: base64Text(32 * 1024) });

const keyName = { account: accountId, region, keyId };

/** With the private key of an asymmetric CMK, which has no branches. */
export const pairOperation = v.variant("purpose", [
  v.strictObject({
    purpose: v.literal("sign"),
    ...keyName,
    algorithm: v.picklist(signAlgorithms),
    /** The text is a digest already. */
    isDigest: v.boolean(),
  }),
  v.strictObject({
    purpose: v.literal("asymmetric-decrypt"),
    ...keyName,
    algorithm: v.picklist([...rsaDecryptAlgorithms, "SM2"]),
  }),
]);
export type PairOperation = v.InferOutput<typeof pairOperation>;

/**
 * What is to be done, with which key: `encrypt` under the branch that encrypts now, `decrypt` under the one that a
 * ciphertext names, as in a lease; or something with a private key.
 */
export const operation = v.variant("purpose", [...leasedKey.options, ...pairOperation.options]);
export type Operation = v.InferOutput<typeof operation>;

export function isPairOperation(asked: Operation): asked is PairOperation {
  return asked.purpose === "sign" || asked.purpose === "asymmetric-decrypt";
}

/** Payload of `edge-kms/operation-request/1`, signed by the enrolled edge key. */
export const operationRequest = v.strictObject({
  ...requestOrigin,
  /** X25519 public key that the result is sealed to, 32 bytes, base64: that of the isolate that asks. */
  hpkePublicKey: base64Text(44),
  /** As in a lease request. */
  auditHead: v.strictObject({ seq: count, hash: hexOf(32) }),
  operation,
  /** Which key of the bridge `sealed` is for. */
  sealingKeyId: hexOf(8),
  /** {@link encodeOperands}, `info` {@link OPERANDS_SEAL_INFO}, `aad` {@link operandsSealAad}. */
  sealed: sealedContent,
});
export type OperationRequest = v.InferOutput<typeof operationRequest>;

/** What every result says; its terms are a lease's of exactly one operation. */
const resultTerms = {
  /** SHA-256 of the payload bytes of the request that this answers. */
  requestHash: hexOf(32),
  edge: edgeId,
  instance: instanceId,
  account: accountId,
  region,
  keyId,
  leaseId,
  notBeforeMs: timeMs,
  expiresAtMs: timeMs,
  maxUnacknowledged: count,
  epoch,
  store: storeKind,
  /** The ciphertext envelope, the plaintext or the signature; `info` the message's type, `aad` as in a lease grant. */
  sealed: sealedContent,
};

/** The branch key that was used. `group` is that of the branch: of a ciphertext from elsewhere not the edge's own. */
const branchUsed = { version: keyVersion, branch: branchId, suite, group: edgeGroup };

/** Payload of `edge-kms/operation-result/1`, signed by the bridge. */
export const operationResult = v.variant("purpose", [
  v.strictObject({ purpose: v.literal("encrypt"), ...resultTerms, ...branchUsed }),
  v.strictObject({ purpose: v.literal("decrypt"), ...resultTerms, ...branchUsed }),
  v.strictObject({ purpose: v.literal("sign"), ...resultTerms, version: keyVersion }),
  v.strictObject({ purpose: v.literal("asymmetric-decrypt"), ...resultTerms, version: keyVersion }),
]);
export type OperationResult = v.InferOutput<typeof operationResult>;

/**
 * `POST /edge/v1/operations` on the control plane. In: the signed request. Out: the signed result, or an error code of the
 * contract, fit for the caller of Encrypt or Decrypt.
 */
export const operationResponse = v.union([
  v.strictObject({ result: signedMessageSchema }),
  v.strictObject({ error: wireError }),
]);
export type OperationResponse = v.InferOutput<typeof operationResponse>;

export const OPERANDS_SEAL_INFO = "edge-kms/operands/1";

/**
 * Ties operands to the one request that they were sealed for; the edge's signature ties the rest of the request to them.
 * Neither part can hold a `:`.
 */
export function operandsSealAad(origin: Pick<OperationRequest, "edge" | "nonce">): string {
  return `${origin.edge}:${origin.nonce}`;
}

/** Longest canonical context: 1024 characters of three bytes and four for each pair are far below. */
const MAX_CONTEXT_BYTES = 0xffff;
const MAX_TEXT_BYTES =
  envelopeBytes.header + envelopeBytes.commitment + envelopeBytes.maxPlaintext + envelopeBytes.tag;

export interface Operands {
  /** Canonical EncryptionContext; empty where there is none, with private keys. */
  readonly context: Uint8Array;
  /** The plaintext to encrypt, at most 4096 bytes, the envelope or ciphertext to decrypt, the message or digest to sign. */
  readonly text: Uint8Array;
}

/**
 * `length of context (u32, big-endian) || context || text`. A copy, the caller's to wipe. RangeError for operands that are
 * too long.
 */
export function encodeOperands({ context, text }: Operands): Bytes {
  if (context.length > MAX_CONTEXT_BYTES || text.length > MAX_TEXT_BYTES) {
    throw new RangeError(`operands of ${context.length} and ${text.length} bytes`);
  }
  const length = new Uint8Array(4);
  writeU32(length, 0, context.length);
  return concatBytes(length, context, text);
}

/** Views of `bytes`, or null when they are no operands. */
export function decodeOperands(bytes: Uint8Array): Operands | null {
  if (bytes.length < 4) return null;
  const end = 4 + readU32(bytes, 0);
  if (end > bytes.length || end - 4 > MAX_CONTEXT_BYTES) return null;
  if (bytes.length - end > MAX_TEXT_BYTES) return null;
  return { context: bytes.subarray(4, end), text: bytes.subarray(end) };
}
