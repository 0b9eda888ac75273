/**
 * Branch-key leases (design §4 "Lease"): an edge instance asks, the control plane authorises and passes the request on
 * unchanged, the bridge verifies it against its own enrolment list, seals the branch key to the instance and signs.
 */

import * as v from "valibot";
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
  nonce,
  region,
  storeKind,
  suite,
  timeMs,
  wireError,
} from "./fields.ts";

import { signedMessageSchema } from "./signed-message.ts";

/** At most so many keys in one request. */
export const MAX_LEASED_KEYS = 20;
/** The bridge refuses requests older than this, or from further in the future. */
export const MAX_REQUEST_AGE_MS = 60_000;

/** Ask for the branch that encrypts now, or for the one that a ciphertext names. */
export const leasedKey = v.variant("purpose", [
  v.strictObject({ purpose: v.literal("encrypt"), account: accountId, region, keyId }),
  v.strictObject({
    purpose: v.literal("decrypt"),
    account: accountId,
    region,
    keyId,
    version: keyVersion,
    branch: branchId,
    suite,
  }),
]);
export type LeasedKey = v.InferOutput<typeof leasedKey>;

/** Who asks, and proof against replay. Every request of an edge begins with these fields. */
export const requestOrigin = {
  edge: edgeId,
  instance: instanceId,
  nonce,
  timeMs,
};

/** Payload of `edge-kms/lease-request/1`, signed by the enrolled edge key. */
export const leaseRequest = v.strictObject({
  ...requestOrigin,
  /** X25519 public key of the instance, 32 bytes, base64. */
  hpkePublicKey: base64Text(44),
  /** Sequence number and record hash of the instance's newest audit record; 0 and zeros when there is none. */
  auditHead: v.strictObject({ seq: count, hash: hexOf(32) }),
  keys: v.pipe(v.array(leasedKey), v.minLength(1), v.maxLength(MAX_LEASED_KEYS)),
});
export type LeaseRequest = v.InferOutput<typeof leaseRequest>;

/**
 * What the control plane permits for one key, capped again by the bridge. Durations count from the bridge's own clock.
 */
export const leaseLimits = v.strictObject({
  refreshAfterMs: count,
  expiresAfterMs: count,
  maxOperations: count,
  maxUnacknowledged: count,
});
export type LeaseLimits = v.InferOutput<typeof leaseLimits>;

/** Payload of `edge-kms/lease-grant/1`, signed by the bridge. */
export const leaseGrant = v.strictObject({
  /** SHA-256 of the payload bytes of the request that this answers. */
  requestHash: hexOf(32),
  /** Index into `keys` of that request. */
  index: count,
  edge: edgeId,
  instance: instanceId,
  group: edgeGroup,
  account: accountId,
  region,
  keyId,
  version: keyVersion,
  branch: branchId,
  suite,
  leaseId,
  notBeforeMs: timeMs,
  refreshAtMs: timeMs,
  expiresAtMs: timeMs,
  maxOperations: count,
  maxUnacknowledged: count,
  epoch,
  store: storeKind,
  /** The branch key: 32 bytes for suite 1, 16 for suite 2. */
  sealed: hpkeSealed,
});
export type LeaseGrant = v.InferOutput<typeof leaseGrant>;

/**
 * `POST /edge/v1/leases` on the control plane. In: the signed request. Out: one result per key, in order. Error codes
 * are the contract's (`ResourceUnavailable.CmkDisabled`, …), fit for the caller of Encrypt or Decrypt. `proxied`: the key
 * is not leased, but the bridge may be asked to perform the operation (operation.ts).
 */
export const leaseResponse = v.strictObject({
  results: v.array(
    v.union([
      v.strictObject({ grant: signedMessageSchema }),
      v.strictObject({ proxied: v.literal(true) }),
      v.strictObject({ error: wireError }),
    ]),
  ),
});
export type LeaseResponse = v.InferOutput<typeof leaseResponse>;
