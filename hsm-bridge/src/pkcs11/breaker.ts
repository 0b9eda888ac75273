/**
 * The circuit breaker of one token. Closed: calls are made. Open: they fail at once, until a pause has passed. Half-open: one attempt at
 * recovery is under way, which must wrap and unwrap for real. The pauses grow to a bound; nobody else knocks at a token that is down.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BridgeError, StartupError } from "../errors.ts";
import type { TokenState } from "../key-store.ts";
import type { Logger } from "../log.ts";
import { PinRefusedError, unavailable } from "./worker-process.ts";

/** So many failed calls in a row, of any callers, open a breaker whose token still answers. */
export const FAILURE_THRESHOLD = 5;
/** Milliseconds before the second attempt at recovery, the third and so on; the last one holds for all that follow. */
const PAUSES_MS = [100, 200, 500, 1_000, 2_000, 5_000];

export class Breaker {
  readonly #label: string;
  readonly #recover: () => Promise<void>;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #state: TokenState["state"] = "closed";
  #reason: string | null = null;
  #sinceMs = Date.now();
  #failures = 0;
  /** The attempt that begins the moment the process is lost: short as a rule, so that callers wait for it. */
  #firstAttempt: Promise<void> | null = null;

  /** `recover` makes one attempt; it rejects when the token does not wrap and unwrap after it. */
  constructor(label: string, recover: () => Promise<void>, logger: Logger) {
    this.#label = label;
    this.#recover = recover;
    this.#logger = logger;
  }

  get state(): TokenState {
    return {
      label: this.#label,
      state: this.#state,
      sinceMs: this.#sinceMs,
      reason: this.#reason,
      lacks: 0,
    };
  }

  /** Resolves when a call may be made; rejects with `hsm-unavailable`, at once or after `waitMs` at the latest. */
  async admit(waitMs: number): Promise<void> {
    if (this.#state === "closed") return;
    if (this.#firstAttempt !== null) {
      const waited = new AbortController();
      const { signal } = waited;
      const late = sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => {});
      await Promise.race([this.#firstAttempt, late]);
      waited.abort();
    }
    if ((this.#state as TokenState["state"]) !== "closed") {
      throw unavailable("The token is out of service.");
    }
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** A call failed, the process lives. */
  failed(reason: string): void {
    if (this.#state !== "closed") return;
    this.#failures += 1;
    if (this.#failures >= FAILURE_THRESHOLD) void this.#run(reason, false);
  }

  /** The process is gone: nothing is to be waited for before the first attempt. */
  lost(reason: string): void {
    if (this.#state === "closed") void this.#run(reason, true);
  }

  /** It did not open at the start. With a refused PIN another attempt could lock it. */
  absent(error: unknown): void {
    if (error instanceof PinRefusedError) this.#enter("open", reasonOf(error));
    else void this.#run(reasonOf(error), false);
  }

  /** No further attempts. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(reason: string, isAtOnce: boolean): Promise<void> {
    const startMs = performance.now();
    const { signal } = this.#stop;
    const first = Promise.withResolvers<void>();
    if (isAtOnce) this.#firstAttempt = first.promise;
    for (let attempt = isAtOnce ? 0 : 1; !signal.aborted; attempt++) {
      if (attempt > 0) {
        this.#enter("open", reason);
        const pauseMs = PAUSES_MS[Math.min(attempt, PAUSES_MS.length) - 1];
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
        if (signal.aborted) return;
      }
      this.#enter("half-open", reason);
      let failure: unknown = null;
      await this.#recover().catch((error: unknown) => {
        failure = error ?? new Error();
      });
      if (failure === null) {
        this.#failures = 0;
        this.#enter("closed", null);
      } else {
        reason = reasonOf(failure);
        this.#enter("open", reason);
      }
      this.#firstAttempt = null;
      first.resolve();
      // With a refused PIN another attempt could lock the token.
      if (failure instanceof PinRefusedError) return;
      if (failure !== null) continue;
      const tookMs = Math.round(performance.now() - startMs);
      this.#logger.info("the token is in service again", { token: this.#label, tookMs });
      return;
    }
  }

  /** A reason is told once, not at every attempt that it makes fail. */
  #enter(state: TokenState["state"], reason: string | null): void {
    const isNews = reason !== null && reason !== this.#reason;
    if (state === "closed" || this.#state === "closed") this.#sinceMs = Date.now();
    this.#state = state;
    this.#reason = reason;
    if (isNews) this.#logger.error("the token is out of service", { token: this.#label, reason });
  }
}

/** Fit for logs and for the operator: texts of ours, names of return values. */
export function reasonOf(error: unknown): string {
  if (error instanceof StartupError) return error.message;
  if (!(error instanceof BridgeError)) return error instanceof Error ? error.name : "unknown";
  return (error.detail ?? "") === "" ? error.message : `${error.message} (${error.detail})`;
}
