/** Which keys of an edge's request may be leased, and how (protocol.md "A branch-key lease", step 3). */

import type { Epoch, ErrorCode, LeasedKey, LeaseLimits } from "@edge-kms/protocol";
import type { Key, KeyWithEpoch } from "../db/queries/keys.ts";
import type { Edge } from "../edges/directory.ts";
import { transition } from "./states.ts";
import { suites } from "./suites.ts";

export type LeasePermission =
  | { readonly ok: true; readonly epoch: Epoch; readonly limits: LeaseLimits }
  | { readonly ok: false; readonly error: ErrorCode };

const refuse = (error: ErrorCode): LeasePermission => ({ ok: false, error });

/**
 * @param found the key of that id in any account and region, null when there is none.
 * @param defaults limits of keys without limits of their own.
 */
export function permitLease(
  edge: Pick<Edge, "accounts" | "regions">,
  wanted: LeasedKey,
  found: KeyWithEpoch | null,
  defaults: LeaseLimits,
): LeasePermission {
  const isCovered = edge.accounts.has(wanted.account) && edge.regions.has(wanted.region);
  const isOwn =
    found !== null && found.key.account === wanted.account && found.key.region === wanted.region;
  if (!isCovered || !isOwn) return refuse(unknownKey(wanted));
  const { key, epoch } = found;
  if (key.keyUsage !== "ENCRYPT_DECRYPT") {
    const isEncrypt = wanted.purpose === "encrypt";
    return refuse(isEncrypt ? "InvalidParameterValue.InvalidKeyUsage" : unknownKey(wanted));
  }
  if (wanted.purpose === "decrypt" && wanted.suite !== suites[key.suite].wire) {
    return refuse(unknownKey(wanted));
  }
  const refusal = stateRefusal(key, wanted.purpose);
  if (refusal !== null) return refuse(isKnownVersion(wanted, key) ? refusal : unknownKey(wanted));
  const limits = limitsOf(key, defaults);
  // Edge modes other than `lease` keep the branch keys in the bridge; proxying comes with its own issue.
  if (key.edgeMode !== "lease" || limits.expiresAfterMs === 0)
    return refuse("UnauthorizedOperation");
  return { ok: true, epoch, limits };
}

/** What is told of a key that is not there for this caller: of a ciphertext nothing more than that it is invalid (P4). */
function unknownKey(wanted: LeasedKey): ErrorCode {
  return wanted.purpose === "encrypt"
    ? "ResourceUnavailable.CmkNotFound"
    : "InvalidParameterValue.InvalidCiphertext";
}

function stateRefusal(
  { state, owner }: KeyWithEpoch["key"],
  purpose: LeasedKey["purpose"],
): ErrorCode | null {
  if (state === "Deleted") return "ResourceUnavailable.CmkNotFound";
  const allowed = transition({ state, owner }, purpose);
  return allowed.ok ? null : allowed.error;
}

/**
 * Whether the state may be told of it. Which versions there are, the bridge decides: it may be ahead of this row, by a rotation
 * under way or a restored database.
 */
function isKnownVersion(wanted: LeasedKey, key: Pick<Key, "currentVersion">): boolean {
  return wanted.purpose === "encrypt" || wanted.version <= key.currentVersion;
}

function limitsOf(
  key: Pick<Key, "leaseExpiresAfterMs" | "leaseRefreshAfterMs">,
  defaults: LeaseLimits,
): LeaseLimits {
  const expiresAfterMs = key.leaseExpiresAfterMs ?? defaults.expiresAfterMs;
  const refreshAfterMs = key.leaseRefreshAfterMs ?? defaults.refreshAfterMs;
  return { ...defaults, expiresAfterMs, refreshAfterMs: Math.min(refreshAfterMs, expiresAfterMs) };
}
