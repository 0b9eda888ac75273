/**
 * One piece of work at a time per name, whatever the number of requests that need it. The first request does it, in its own
 * context (Workers forbid using another request's input and output); the others only wait for the promise.
 */
import { within } from "./deadline.ts";

export class SingleFlight<T> {
  readonly #flying = new Map<string, Promise<T>>();
  readonly #deadlineMs: number;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  isFlying(name: string): boolean {
    return this.#flying.has(name);
  }

  /** The work's outcome, done by this call or by one before it. @throws DeadlineError, or what the work throws. */
  do(
    name: string,
    waitUntil: (work: Promise<unknown>) => void,
    work: () => Promise<T>,
  ): Promise<T> {
    const flying = this.#flying.get(name);
    if (flying !== undefined) return within(this.#deadlineMs, flying);
    // The deadline also ends the flight of a request whose context was torn down.
    const flight = within(this.#deadlineMs, work()).finally(() => {
      if (this.#flying.get(name) === flight) this.#flying.delete(name);
    });
    this.#flying.set(name, flight);
    // Others wait for it: it goes on should this request's client hang up.
    waitUntil(flight.catch(() => undefined));
    return flight;
  }
}
