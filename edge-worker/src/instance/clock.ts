/**
 * Time as the instance counts it: the platform's clock, but never below what was stored (design §4 "Commit point"). On the platform
 * `Date.now()` stands still while code runs and moves with each input or output, so it is read when a message has arrived.
 *
 * A clock that once ran ahead stays ahead until the true time reaches it: leases then end at once. One that is set back stands still
 * until then: what has ended does not come back, but what is in hand ends later by as much (docs/operators.md "Clocks").
 */
export interface InstanceClock {
  /** Milliseconds since the Unix epoch, never less than before. */
  now(): number;
}

export function startClock(highWaterMs: number, platform: () => number = Date.now): InstanceClock {
  let latest = highWaterMs;
  return {
    now() {
      latest = Math.max(latest, platform());
      return latest;
    },
  };
}
