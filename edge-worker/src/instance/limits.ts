/** Bounds on what an instance asks of the control plane and keeps of its answers. */

/** Leases, operations and credentials: each kind has so many questions under way. */
export const CONCURRENT = 20;
export const MAX_WAITING = 2_000;
/** With the deadline of the question itself less than what an isolate waits. */
export const MAX_WAIT_MS = 3_500;

/** Leases of a kind that are kept; the oldest go first. */
export const MAX_HELD = 20_000;

/** Refusals that are remembered, and for how long. */
export const MAX_REFUSALS = 2_000;
export const REFUSAL_MS = 1_000;

/** After a refresh that brought nothing, the next one: less when the lease has less than four of these left. */
export const REFRESH_AGAIN_MS = 1_000;

/** When a lease that is due is asked for again, unless a new one comes first. */
export function nextRefreshMs(expiresAtMs: number, nowMs: number): number {
  return nowMs + Math.min(REFRESH_AGAIN_MS, (expiresAtMs - nowMs) / 4);
}
