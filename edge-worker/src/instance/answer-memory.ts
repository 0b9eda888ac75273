/**
 * Answers that were had and count for a moment: refusals, so that who keeps asking costs the control plane nothing. The
 * name must have everything that decides the answer, the policy epoch included; so nothing has to be taken back.
 */
export class AnswerMemory<T> {
  readonly #maxAnswers: number;
  readonly #lifeMs: number;
  /** All live equally long: the first is the next to end. */
  readonly #answers = new Map<string, { readonly answer: T; readonly untilMs: number }>();

  constructor(maxAnswers: number, lifeMs: number) {
    this.#maxAnswers = maxAnswers;
    this.#lifeMs = lifeMs;
  }

  get size(): number {
    return this.#answers.size;
  }

  find(name: string, nowMs: number): T | null {
    const known = this.#answers.get(name);
    return known !== undefined && nowMs < known.untilMs ? known.answer : null;
  }

  keep(name: string, answer: T, nowMs: number): void {
    this.#answers.delete(name);
    this.#answers.set(name, { answer, untilMs: nowMs + this.#lifeMs });
    for (const [first, { untilMs }] of this.#answers) {
      if (this.#answers.size <= this.#maxAnswers && nowMs < untilMs) break;
      this.#answers.delete(first);
    }
  }
}
