/** Nonces that were seen, for as long as a message with one of them would be young enough to be believed. */

import type { Clock } from "../clock.ts";

/** At most so many at once; beyond that everything is refused rather than anything forgotten early. */
const defaultCapacity = 500_000;

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
  let young = new Set<string>();
  let old = new Set<string>();
  let turnedAtMs = clock();
  return {
    isFresh(owner, nonce) {
      const now = clock();
      if (now - turnedAtMs >= rememberMs) {
        old = now - turnedAtMs >= 2 * rememberMs ? new Set() : young;
        young = new Set();
        turnedAtMs = now;
      }
      const entry = `${owner}:${nonce}`;
      if (young.has(entry) || old.has(entry)) return false;
      if (young.size + old.size >= capacity) return false;
      young.add(entry);
      return true;
    },
  };
}
