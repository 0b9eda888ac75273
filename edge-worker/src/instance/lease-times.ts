/** When a grant ends by the instance's own clock (design §4 "Lease": min(expires-at, sent-at + duration)). */

export interface GrantTimes {
  readonly notBeforeMs: number;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

/** Refreshes of many instances are spread over this part of the time until they are due. */
const JITTER = 0.1;

/** Null for times that contradict one another. `random` is from 0 to 1. */
export function localTimes(
  grant: GrantTimes,
  sentAtMs: number,
  random: number,
): { readonly refreshAtMs: number; readonly expiresAtMs: number } | null {
  const duration = grant.expiresAtMs - grant.notBeforeMs;
  const refreshAfter = grant.refreshAtMs - grant.notBeforeMs;
  if (duration <= 0 || refreshAfter < 0 || refreshAfter > duration) return null;
  return {
    refreshAtMs:
      Math.min(grant.refreshAtMs, sentAtMs + refreshAfter) - refreshAfter * JITTER * random,
    expiresAtMs: Math.min(grant.expiresAtMs, sentAtMs + duration),
  };
}
