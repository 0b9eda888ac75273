/**
 * At most so many questions to the control plane at once; more wait in order, for a bounded time, and beyond a bound are
 * refused.
 */
export class Gate {
  #free: number;
  readonly #maxWaiting: number;
  readonly #maxWaitMs: number;
  /** In order of arrival; each is called once, when its turn comes. */
  readonly #waiting = new Set<() => void>();

  constructor(concurrent: number, maxWaiting: number, maxWaitMs: number) {
    this.#free = concurrent;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitMs = maxWaitMs;
  }

  /** Runs `work` when its turn comes; null when too many wait, or it waited too long. Work must end by a deadline of its own. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.size >= this.#maxWaiting || !(await this.#turn())) return null;
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  /** Whether a place was passed on in time. */
  #turn(): Promise<boolean> {
    return new Promise((resolve) => {
      const take = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(take);
        resolve(false);
      }, this.#maxWaitMs);
      this.#waiting.add(take);
    });
  }

  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
