/** One piece of work at a time per name, whatever the number of requests that need it. */
import { type Shared, shared, within } from "./deadline.ts";

const LOOK_MS = 2;

export class SingleFlight {
  readonly #flying = new Map<string, Shared<void> & { readonly sinceMs: number }>();
  readonly #deadlineMs: number;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  isFlying(name: string): boolean {
    return this.#current(name) !== undefined;
  }

  /**
   * Waits until the work is done, by this call or by one before it. The first request does it in its own context, and goes
   * on should its client hang up. @throws DeadlineError, or what the work throws.
   */
  async do(
    name: string,
    waitUntil: (work: Promise<unknown>) => void,
    work: () => Promise<void>,
  ): Promise<void> {
    const current = this.#current(name);
    if (current !== undefined) return shared(current, this.#deadlineMs, LOOK_MS);
    const flight = { outcome: undefined, sinceMs: Date.now() };
    this.#flying.set(name, flight);
    const flown = this.#fly(name, flight, work);
    waitUntil(flown.catch(() => undefined));
    await flown;
  }

  async #fly(name: string, flight: Shared<void>, work: () => Promise<void>): Promise<void> {
    try {
      await within(this.#deadlineMs, work());
      flight.outcome = { value: undefined };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error("the work failed");
      flight.outcome = { error };
      throw error;
    } finally {
      if (this.#flying.get(name) === flight) this.#flying.delete(name);
    }
  }

  /** A flight whose request the runtime stopped is given up after its deadline. */
  #current(name: string): Shared<void> | undefined {
    const flight = this.#flying.get(name);
    if (flight === undefined || Date.now() - flight.sinceMs <= this.#deadlineMs) return flight;
    this.#flying.delete(name);
    return undefined;
  }
}
