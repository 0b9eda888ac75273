/**
 * Readiness: one real wrap and one real unwrap. Nothing less tells: with its token directory gone SoftHSM still gives random
 * bytes, finds objects and opens sessions. Liveness is `status`, which never asks the store.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BridgeError } from "./errors.ts";
import type { KeyStore } from "./key-store.ts";

/** How long an answer is good for, so that many who ask cost the HSM no more than one. */
const CACHED_MS = 1_000;
/** Asked by balancers, which have little patience. */
const DEADLINE_MS = 5_000;

export class Readiness {
  readonly #store: KeyStore;
  readonly #probeObject: string;
  readonly #deadlineMs: number;
  #look: Promise<number> | null = null;
  /** When the present answer ceases to be one; infinite until it is there. */
  #staleAtMs = 0;

  constructor(store: KeyStore, probeObject: string, deadlineMs = DEADLINE_MS) {
    this.#store = store;
    this.#probeObject = probeObject;
    this.#deadlineMs = deadlineMs;
  }

  /** Milliseconds that the last look took. Rejects with `hsm-unavailable`, naming the token that does not serve. */
  check(): Promise<number> {
    if (this.#look === null || performance.now() >= this.#staleAtMs) {
      this.#staleAtMs = Number.POSITIVE_INFINITY;
      this.#look = this.#timed().finally(() => {
        this.#staleAtMs = performance.now() + CACHED_MS;
      });
    }
    return this.#look;
  }

  async #timed(): Promise<number> {
    const startMs = performance.now();
    const looked = new AbortController();
    const { signal } = looked;
    const late = sleep(this.#deadlineMs, "late", { signal, ref: false }).catch(() => "late");
    try {
      if ((await Promise.race([this.#store.prove(this.#probeObject), late])) === "late") {
        const seconds = this.#deadlineMs / 1000;
        throw new BridgeError("hsm-unavailable", `The HSM did not answer within ${seconds} s.`);
      }
    } catch (error) {
      throw this.#explain(error);
    } finally {
      looked.abort();
    }
    return Math.round((performance.now() - startMs) * 1000) / 1000;
  }

  /** Adds which token does not serve, since when and why: this is what an operator sees first. */
  #explain(error: unknown): unknown {
    const down = this.#store.tokens.find(({ state }) => state !== "closed");
    if (!(error instanceof BridgeError) || down === undefined) return error;
    const since = new Date(down.sinceMs).toISOString();
    return new BridgeError(
      error.code,
      `The token "${down.label}" is out of service since ${since}: ${down.reason ?? "no reason known"}`,
    );
  }
}
