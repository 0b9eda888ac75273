/**
 * Random-looking test data that is the same in every run: a xorshift128 generator (Marsaglia, "Xorshift RNGs", 2003).
 * For tests only.
 */
export interface Seeded {
  /** An integer from 0 to `limit - 1`. */
  below(limit: number): number;
  /** `length` bytes. */
  bytes(length: number): Uint8Array;
  /** One of the items. */
  pick<T>(items: readonly T[]): T;
}

export function seeded(seed: number): Seeded {
  let x = seed | 0 || 1;
  let y = 362436069;
  let z = 521288629;
  let w = 88675123;
  const next = (): number => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  const below = (limit: number): number => next() % limit;
  return {
    below,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
  };
}
