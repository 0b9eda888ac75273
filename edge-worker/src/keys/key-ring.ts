/**
 * Branch keys for the actions: open ones at once, others leased through the instance, one question per key at a time. Of
 * those that stay in the bridge it is remembered for a while that they do.
 */

import { ApiError, type LeasedKey } from "@edge-kms/protocol";
import type { Answer, KeyLoan, KeyQuestion, Proxied } from "../instance/messages.ts";
import { isSettled } from "../instance/refusals.ts";
import { SingleFlight } from "../isolate/single-flight.ts";
import { isolateSealInfo, open, type SealingKey } from "../signing/sealing.ts";
import type { OpenKey, OpenKeys } from "./open-keys.ts";
import { useOf } from "./use-of.ts";

/** What a request lends the ring to ask with. */
export interface KeyDoor {
  lendKey(question: KeyQuestion): Promise<Answer<KeyLoan | Proxied>>;
  /** Keeps work going that nobody waits for. */
  waitUntil(work: Promise<unknown>): void;
}

const DEADLINE_MS = 12_000;
/** Where to ask, no right: each operation in the bridge is authorised for itself. */
const PROXIED_MS = 30_000;
const MAX_PROXIED = 1_000;

/** In place of a result: the key stays in the bridge. */
export const proxied = Symbol("proxied");

export class KeyRing {
  readonly #keys: OpenKeys;
  readonly #sealingKey: () => Promise<SealingKey>;
  readonly #asking = new SingleFlight(DEADLINE_MS);
  /** The last lease of a use that was found void, so that the instance does not lend it again. */
  readonly #stale = new Map<string, string>();
  /** Uses of keys that stay in the bridge, and until when that is believed. All equally long. */
  readonly #proxiedUntilMs = new Map<string, number>();
  readonly #onProxied: (proxied: Proxied) => void;

  /** @param onProxied is given what it takes to have the bridge use a key. */
  constructor(
    keys: OpenKeys,
    sealingKey: () => Promise<SealingKey>,
    onProxied: (proxied: Proxied) => void,
  ) {
    this.#keys = keys;
    this.#sealingKey = sealingKey;
    this.#onProxied = onProxied;
  }

  /**
   * Runs an operation with the key for a use, unless the key stays in the bridge. The operation is synchronous: the key is
   * valid when it starts and cannot be released before it ends. @throws ApiError with the code that the control plane gave.
   */
  async use<T>(
    key: LeasedKey,
    door: KeyDoor,
    operate: (open: OpenKey) => T,
  ): Promise<T | typeof proxied> {
    const use = useOf(key);
    for (let tries = 0; tries < 3; tries++) {
      const now = Date.now();
      const found = this.#keys.find(key, now);
      if (found !== null) {
        if (now >= found.refreshAtMs) this.#refresh(key, door);
        return operate(found);
      }
      if (now < (this.#proxiedUntilMs.get(use) ?? 0)) return proxied;
      const hasJoined = this.#asking.isFlying(use);
      try {
        await this.#asking.do(
          use,
          (work) => door.waitUntil(work),
          () => this.#ask(key, door),
        );
      } catch (thrown) {
        // What was asked before this call came may have been refused before a right was given: it asks for itself, once.
        const isRefusal = thrown instanceof ApiError && isSettled(thrown.code);
        if (!hasJoined || !isRefusal || tries > 0) throw thrown;
      }
    }
    throw new ApiError("InternalError", { detail: "lease-too-short" });
  }

  /** Epochs have risen: where keys are is asked anew. */
  forgetProxied(): void {
    this.#proxiedUntilMs.clear();
  }

  /** Forgets leases that the commit point found void. */
  drop(leaseIds: readonly string[], keys: readonly LeasedKey[]): void {
    for (const id of leaseIds) this.#keys.drop(id);
    keys.forEach((key, n) => {
      const id = leaseIds[n];
      if (id !== undefined) this.#stale.set(useOf(key), id);
    });
    if (this.#stale.size > 1000) this.#stale.clear();
  }

  #refresh(key: LeasedKey, door: KeyDoor): void {
    const use = useOf(key);
    if (this.#asking.isFlying(use)) return;
    // A refresh that fails leaves the lease in hand until it ends.
    this.#asking
      .do(
        use,
        (work) => door.waitUntil(work),
        () => this.#ask(key, door),
      )
      .catch(() => undefined);
  }

  async #ask(key: LeasedKey, door: KeyDoor): Promise<void> {
    const sealingKey = await this.#sealingKey();
    const use = useOf(key);
    const answer = await door.lendKey({
      key,
      isolateKey: sealingKey.publicKey,
      staleLease: this.#stale.get(use) ?? null,
    });
    if (!answer.ok) throw new ApiError(answer.code, { detail: answer.reason });
    const loan = answer.value;
    if (!("leaseId" in loan)) {
      this.#onProxied(loan);
      this.#rememberProxied(use);
      return;
    }
    const bytes = await open(sealingKey, loan.sealed, isolateSealInfo, loan.leaseId);
    if (bytes === null) throw new ApiError("InternalError", { detail: "loan-does-not-open" });
    try {
      this.#keys.add(key, loan, bytes);
      this.#stale.delete(use);
    } finally {
      bytes.fill(0);
    }
  }
  #rememberProxied(use: string): void {
    this.#proxiedUntilMs.delete(use);
    this.#proxiedUntilMs.set(use, Date.now() + PROXIED_MS);
    const [oldest] = this.#proxiedUntilMs.keys();
    if (this.#proxiedUntilMs.size > MAX_PROXIED && oldest !== undefined) {
      this.#proxiedUntilMs.delete(oldest);
    }
  }
}
