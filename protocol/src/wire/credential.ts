/**
 * Caller credentials (design §4 "Caller secrets"). The edge cannot verify a caller it has not met: it sends the strings
 * the caller may have signed and the signature. Only the bridge opens SecretKeys; if the signature is valid it says whose
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

/** A caller's proof: any one of the strings to sign must match the signature. */
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

/** Payload of `edge-kms/credential-request/1`, signed by the enrolled edge key. */
export const credentialRequest = v.strictObject({
  ...requestOrigin,
  hpkePublicKey: base64Text(44),
  proof: callerProof,
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
