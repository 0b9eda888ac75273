/** Branch keys for the actions: open ones at once, others leased through the instance, one question per key at a time. */

import { ApiError, type LeasedKey } from "@edge-kms/protocol";
import type { Answer, KeyLoan, KeyQuestion } from "../instance/messages.ts";
import { SingleFlight } from "../isolate/single-flight.ts";
import { isolateSealInfo, open, type SealingKey } from "../signing/sealing.ts";
import { type OpenKey, type OpenKeys, useOf } from "./open-keys.ts";

/** What a request lends the ring to ask with. */
export interface KeyDoor {
  lendKey(question: KeyQuestion): Promise<Answer<KeyLoan>>;
  /** Keeps work going that nobody waits for. */
  waitUntil(work: Promise<unknown>): void;
}

const DEADLINE_MS = 12_000;

export class KeyRing {
  readonly #keys: OpenKeys;
  readonly #sealingKey: () => Promise<SealingKey>;
  readonly #asking = new SingleFlight(DEADLINE_MS);
  /** The last lease of a use that was found void, so that the instance does not lend it again. */
  readonly #stale = new Map<string, string>();

  constructor(keys: OpenKeys, sealingKey: () => Promise<SealingKey>) {
    this.#keys = keys;
    this.#sealingKey = sealingKey;
  }

  /**
   * Runs an operation with the key for a use. The operation is synchronous: the key is valid when it starts and cannot be
   * released before it ends. @throws ApiError with the code that the control plane gave.
   */
  async use<T>(key: LeasedKey, door: KeyDoor, operate: (open: OpenKey) => T): Promise<T> {
    for (let tries = 0; tries < 3; tries++) {
      const now = Date.now();
      const found = this.#keys.find(key, now);
      if (found !== null) {
        if (now >= found.refreshAtMs) this.#refresh(key, door);
        return operate(found);
      }
      await this.#asking.do(
        useOf(key),
        (work) => door.waitUntil(work),
        () => this.#ask(key, door),
      );
    }
    throw new ApiError("InternalError", { detail: "lease-too-short" });
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
    const bytes = await open(sealingKey, loan.sealed, isolateSealInfo, loan.leaseId);
    if (bytes === null) throw new ApiError("InternalError", { detail: "loan-does-not-open" });
    try {
      this.#keys.add(key, loan, bytes);
      this.#stale.delete(use);
    } finally {
      bytes.fill(0);
    }
  }
}
