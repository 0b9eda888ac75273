/** What edges may do with a key, and within which limits (protocol.md "A branch-key lease", step 3, "An operation in the bridge"). */

import type { Epoch, ErrorCode, LeasedKey, LeaseLimits } from "@edge-kms/protocol";
import type { Key, KeyWithEpoch } from "../db/queries/keys.ts";
import type { Edge } from "../edges/directory.ts";
import { stateAt, transition } from "./states.ts";
import { suites } from "./suites.ts";

export type UsePermission =
  | {
      readonly ok: true;
      /** Whether the edge may have the branch key, or have the bridge use it only. */
      readonly mode: "lease" | "proxy";
      readonly epoch: Epoch;
      readonly limits: LeaseLimits;
    }
  | { readonly ok: false; readonly error: ErrorCode };

const refuse = (error: ErrorCode): UsePermission => ({ ok: false, error });

/**
 * @param found the key of that id in any account and region, null when there is none.
 * @param defaults limits of keys without limits of their own.
 * @param nowMs imported material ends to the millisecond, also before the state says so.
 */
export function permitUse(
  edge: Pick<Edge, "accounts" | "regions">,
  wanted: LeasedKey,
  found: KeyWithEpoch | null,
  defaults: LeaseLimits,
  nowMs: number,
): UsePermission {
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
  const refusal = refusalOf(found, wanted.purpose, nowMs);
  if (refusal !== null) return refuse(isKnownVersion(wanted, key) ? refusal : unknownKey(wanted));
  const limits = untilMaterialEnds(leaseLimitsOf(key, defaults), key, nowMs);
  // A lease of no length is none: the key stays in the bridge.
  const mode = key.edgeMode === "proxy" || limits.expiresAfterMs === 0 ? "proxy" : "lease";
  return { ok: true, mode, epoch, limits };
}

/** What is told of a key that is not there for this caller: of a ciphertext nothing more than that it is invalid (P4). */
function unknownKey(wanted: LeasedKey): ErrorCode {
  return wanted.purpose === "encrypt"
    ? "ResourceUnavailable.CmkNotFound"
    : "InvalidParameterValue.InvalidCiphertext";
}

/** An edge that may not have the key learns nothing of its state, unless there is none left to learn. */
function refusalOf(
  { key, isRevokedAtEdge }: KeyWithEpoch,
  purpose: LeasedKey["purpose"],
  nowMs: number,
): ErrorCode | null {
  const { state, owner, edgeMode, validToMs } = key;
  if (state === "Deleted") return "ResourceUnavailable.CmkNotFound";
  if (edgeMode === "deny" || isRevokedAtEdge) return "UnauthorizedOperation";
  const allowed = transition({ state: stateAt({ state, validToMs }, nowMs), owner }, purpose);
  return allowed.ok ? null : allowed.error;
}

/** No lease outlives imported material. */
function untilMaterialEnds(
  limits: LeaseLimits,
  { validToMs }: Pick<Key, "validToMs">,
  nowMs: number,
): LeaseLimits {
  const expiresAfterMs = Math.min(limits.expiresAfterMs, (validToMs ?? Infinity) - nowMs);
  const refreshAfterMs = Math.min(limits.refreshAfterMs, expiresAfterMs);
  return { ...limits, expiresAfterMs, refreshAfterMs };
}

/**
 * Whether the state may be told of it. Which versions there are, the bridge decides: it may be ahead of this row, by a rotation
 * under way or a restored database.
 */
function isKnownVersion(wanted: LeasedKey, key: Pick<Key, "currentVersion">): boolean {
  return wanted.purpose === "encrypt" || wanted.version <= key.currentVersion;
}

/** The limits of a key: its own, or the configured ones; never a refresh after the end. */
export function leaseLimitsOf(
  key: Pick<Key, "leaseExpiresAfterMs" | "leaseRefreshAfterMs">,
  defaults: LeaseLimits,
): LeaseLimits {
  const expiresAfterMs = key.leaseExpiresAfterMs ?? defaults.expiresAfterMs;
  const refreshAfterMs = key.leaseRefreshAfterMs ?? defaults.refreshAfterMs;
  return { ...defaults, expiresAfterMs, refreshAfterMs: Math.min(refreshAfterMs, expiresAfterMs) };
}
