/** The bridge's own bounds on what it grants. The control plane may ask for less, never for more. */

import type { LeaseLimits } from "@edge-kms/protocol";

export interface LeaseCaps {
  readonly refreshMs: number;
  /** Design P2: a lease ends after 180 s by default, "per key 0–900 s"; which of these is the control plane's to say. */
  readonly maxExpiryMs: number;
  readonly maxOperations: number;
  readonly maxUnacknowledged: number;
}

export const defaultCaps: LeaseCaps = {
  refreshMs: 60_000,
  maxExpiryMs: 900_000,
  maxOperations: 1_000_000,
  maxUnacknowledged: 100_000,
};

/** What is granted of what the control plane permits; refresh never comes after expiry. */
export function capLimits(limits: LeaseLimits, caps: LeaseCaps): LeaseLimits {
  const expiresAfterMs = Math.min(limits.expiresAfterMs, caps.maxExpiryMs);
  return {
    expiresAfterMs,
    refreshAfterMs: Math.min(limits.refreshAfterMs, caps.refreshMs, expiresAfterMs),
    maxOperations: Math.min(limits.maxOperations, caps.maxOperations),
    maxUnacknowledged: Math.min(limits.maxUnacknowledged, caps.maxUnacknowledged),
  };
}
