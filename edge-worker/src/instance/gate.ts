/** At most so many questions to the control plane at once; more wait in order, and beyond a bound are refused. */
export class Gate {
  #free: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];

  constructor(concurrent: number, maxWaiting: number) {
    this.#free = concurrent;
    this.#maxWaiting = maxWaiting;
  }

  /** Runs `work` when its turn comes; null when too many wait. Work must end by a deadline of its own. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.length >= this.#maxWaiting) return null;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
