/**
 * How many calls a second an account, and each of its access keys, may make at this instance: token buckets that hold a second's
 * worth. Asked at the commit point only, where every caller's signature has been found true: strangers use up nothing.
 *
 * They count elapsed time by the platform's clock and not by the instance's, which stands still for as long as the machine's
 * once ran ahead. A clock that jumps back costs a bucket nothing but that moment's refill; one that jumps ahead fills it,
 * once.
 */

import type { CallRates } from "@edge-kms/protocol";

interface Bucket {
  /** Calls that may be made at `atMs`; at most a second's worth. */
  calls: number;
  atMs: number;
}

/** Buckets of a kind; beyond that, those that are full again are forgotten, which changes nothing. */
const MAX_BUCKETS = 20_000;

export class Rates {
  readonly #platform: () => number;
  readonly #accounts = new Map<string, Bucket>();
  readonly #accessKeys = new Map<string, Bucket>();
  #rates: CallRates;

  constructor(rates: CallRates, platform: () => number = Date.now) {
    this.#rates = rates;
    this.#platform = platform;
  }

  /** From now on; a bucket that holds more is cut to the new rate when it is next asked. */
  set(rates: CallRates): void {
    this.#rates = rates;
  }

  /** Whether another call may be made now. */
  admits(account: string, secretId: string): boolean {
    return this.#account(account).calls >= 1 && this.#accessKey(secretId).calls >= 1;
  }

  /** Counts a call. */
  spend(account: string, secretId: string): void {
    this.#account(account).calls -= 1;
    this.#accessKey(secretId).calls -= 1;
  }

  #account(account: string): Bucket {
    return bucketOf(this.#accounts, account, this.#rates.perAccount, this.#platform());
  }

  #accessKey(secretId: string): Bucket {
    return bucketOf(this.#accessKeys, secretId, this.#rates.perAccessKey, this.#platform());
  }
}

function bucketOf(
  buckets: Map<string, Bucket>,
  name: string,
  perSecond: number,
  nowMs: number,
): Bucket {
  let bucket = buckets.get(name);
  if (bucket === undefined) {
    if (buckets.size >= MAX_BUCKETS) forgetFull(buckets, perSecond, nowMs);
    bucket = { calls: perSecond, atMs: nowMs };
    buckets.set(name, bucket);
  }
  refill(bucket, perSecond, nowMs);
  return bucket;
}

function refill(bucket: Bucket, perSecond: number, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.calls = Math.min(perSecond, bucket.calls + (elapsedMs / 1000) * perSecond);
  bucket.atMs = nowMs;
}

function forgetFull(buckets: Map<string, Bucket>, perSecond: number, nowMs: number): void {
  for (const [name, bucket] of buckets) {
    refill(bucket, perSecond, nowMs);
    if (bucket.calls >= perSecond) buckets.delete(name);
  }
}
