/** Nonces that were seen, for as long as a message with one of them would be young enough to be believed. */

import type { Clock } from "../clock.ts";

/**
 * At most so many of one owner at once; beyond that everything of that owner is refused rather than anything forgotten
 * early. Owners are enrolled edges: one that floods this door shuts out itself only.
 */
const defaultCapacity = 300_000;

export interface NonceMemory {
  /** True the first time, false ever after, within the time of remembering. */
  isFresh(owner: string, nonce: string): boolean;
}

/** @param rememberMs at least the widest span between the oldest and the newest time stamp that is believed. */
export function createNonceMemory(
  clock: Clock,
  rememberMs: number,
  capacity = defaultCapacity,
): NonceMemory {
  // Two generations: an entry lives in one of them for rememberMs to twice that.
  let young = new Map<string, Set<string>>();
  let old: typeof young = new Map();
  let turnedAtMs = clock();
  return {
    isFresh(owner, nonce) {
      const now = clock();
      if (now - turnedAtMs >= rememberMs) {
        old = now - turnedAtMs >= 2 * rememberMs ? new Map() : young;
        young = new Map();
        turnedAtMs = now;
      }
      const own = young.get(owner) ?? new Set();
      const before = old.get(owner);
      if (own.has(nonce) || before?.has(nonce) === true) return false;
      if (own.size + (before?.size ?? 0) >= capacity) return false;
      young.set(owner, own.add(nonce));
      return true;
    },
  };
}
