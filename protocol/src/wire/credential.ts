/**
 * Caller credentials (design §4 "Caller secrets"). The edge cannot verify a caller it has not met: it sends the strings
 * the caller may have signed and the signature, for v1 sealed to the bridge. Only the bridge opens SecretKeys; if the signature is valid it says whose
 * it is, and for TC3 it also leases kSigning of that UTC day and service string, sealed to the instance.
 */

import * as v from "valibot";
import {
  accountId,
  base64Text,
  count,
  edgeId,
  epoch,
  hexOf,
  hpkeSealed,
  instanceId,
  leaseId,
  secretId,
  timeMs,
  uin,
  wireError,
} from "./fields.ts";
import { requestOrigin } from "./lease.ts";
import { signedMessageSchema } from "./signed-message.ts";

export const principalType = v.picklist(["root", "user"]);

/** Whose access key it is. Bound into the sealed SecretKey, so nobody but the bridge can change it. */
export const principal = v.strictObject({
  account: accountId,
  appId: count,
  uin,
  type: principalType,
});
export type Principal = v.InferOutput<typeof principal>;

export const signatureMethod = v.picklist(["TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"]);

/** A caller's proof in the clear: any one of the strings to sign must match the signature. */
export const callerProof = v.strictObject({
  secretId,
  method: signatureMethod,
  /** TC3 only: `YYYY-MM-DD` and the service string of the credential scope; empty for v1. */
  date: v.pipe(v.string(), v.maxLength(10)),
  service: v.pipe(v.string(), v.maxLength(64)),
  stringsToSign: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(2 * 1024 * 1024))),
    v.minLength(1),
    v.maxLength(4),
  ),
  /** As sent: lower-case hex for TC3, base64 for v1. */
  signature: v.pipe(v.string(), v.maxLength(128)),
});
export type CallerProof = v.InferOutput<typeof callerProof>;

/** Payload of `edge-kms/sealing-key-request/1`, signed by the enrolled edge key. */
export const sealingKeyRequest = v.strictObject(requestOrigin);
export type SealingKeyRequest = v.InferOutput<typeof sealingKeyRequest>;

/** First 8 bytes of the SHA-256 of the public key. */
const sealingKeyId = hexOf(8);

/**
 * Payload of `edge-kms/bridge-sealing-key/1`, signed by the bridge: the X25519 key that v1 proofs and operands are sealed
 * to. Made in memory at each start of the bridge and never stored.
 */
export const bridgeSealingKey = v.strictObject({
  publicKey: base64Text(44),
  keyId: sealingKeyId,
  madeAtMs: timeMs,
});
export type BridgeSealingKey = v.InferOutput<typeof bridgeSealingKey>;

/** `POST /edge/v1/sealing-key` on the control plane, which passes on what the bridge has signed. */
export const sealingKeyResponse = v.union([
  v.strictObject({ sealingKey: signedMessageSchema }),
  v.strictObject({ error: wireError }),
]);
export type SealingKeyResponse = v.InferOutput<typeof sealingKeyResponse>;

/** What TC3 signs has hashes of the parameters only: the control plane may read it. */
export const tc3Proof = v.strictObject({
  ...callerProof.entries,
  method: v.literal("TC3-HMAC-SHA256"),
});

/**
 * A v1 signature covers every parameter in the clear, Plaintext included. The control plane carries the proof without
 * reading it: what it holds is sealed to the bridge with HPKE, `info` {@link PROOF_SEAL_INFO}, `aad` {@link proofSealAad}.
 */
export const sealedProof = v.strictObject({
  secretId,
  method: v.picklist(["HmacSHA256", "HmacSHA1"]),
  sealingKeyId,
  /** `sealedProofContent` as UTF-8 JSON. With base64 around it twice it must fit into a signed message. */
  sealed: v.strictObject({ ...hpkeSealed.entries, ciphertext: base64Text(6 * 1024 * 1024) }),
});
export type SealedProof = v.InferOutput<typeof sealedProof>;

export const sealedProofContent = v.strictObject({
  stringsToSign: callerProof.entries.stringsToSign,
  signature: callerProof.entries.signature,
});
export type SealedProofContent = v.InferOutput<typeof sealedProofContent>;

export const PROOF_SEAL_INFO = "edge-kms/caller-proof/1";

/** Ties a sealed proof to the one request that it was made for. None of the parts can hold a `:`. */
export function proofSealAad(
  origin: Pick<SealingKeyRequest, "edge" | "instance" | "nonce">,
): string {
  return `${origin.edge}:${origin.instance}:${origin.nonce}`;
}

/** Payload of `edge-kms/credential-request/1`, signed by the enrolled edge key. */
export const credentialRequest = v.strictObject({
  ...requestOrigin,
  hpkePublicKey: base64Text(44),
  proof: v.variant("method", [tc3Proof, sealedProof]),
});
export type CredentialRequest = v.InferOutput<typeof credentialRequest>;

/**
 * Payload of `edge-kms/credential-grant/1`, signed by the bridge. `sealed` is kSigning (32 bytes), or null when it
 * may not be leased (v1 signatures; root where the setting forbids): the grant then vouches for that one request.
 */
export const credentialGrant = v.strictObject({
  requestHash: hexOf(32),
  edge: edgeId,
  instance: instanceId,
  leaseId,
  secretId,
  date: v.string(),
  service: v.string(),
  principal,
  notBeforeMs: timeMs,
  refreshAtMs: timeMs,
  expiresAtMs: timeMs,
  maxUnacknowledged: count,
  epoch,
  sealed: v.nullable(hpkeSealed),
});
export type CredentialGrant = v.InferOutput<typeof credentialGrant>;

/** `POST /edge/v1/credentials` on the control plane. Errors carry the contract's AuthFailure codes. */
export const credentialResponse = v.union([
  v.strictObject({ grant: signedMessageSchema }),
  v.strictObject({ error: wireError }),
]);
export type CredentialResponse = v.InferOutput<typeof credentialResponse>;
