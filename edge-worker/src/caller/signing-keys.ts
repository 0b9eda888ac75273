/**
 * kSigning of callers this isolate has met, as HMAC handles in wasm memory: one per SecretId, UTC day and service string,
 * with the principal it stands for. Bounded, the least recently used released first, none used past its lease.
 */

import { compareEpochs, type Epoch, type Principal } from "@edge-kms/protocol";
import type { Core, HmacKey } from "@edge-kms/wasm-core";
import type { CallerLoan } from "../instance/messages.ts";

export interface SigningKey {
  readonly leaseId: string;
  readonly principal: Principal;
  readonly epoch: Epoch;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  readonly handle: HmacKey;
}

/** Fewer than the handles of the core. */
const MAX_KEYS = 900;
const SWEEP_MS = 1_000;

export class SigningKeys {
  readonly #core: Core;
  readonly #maxKeys: number;
  /** In order of use, the oldest first. */
  readonly #byScope = new Map<string, SigningKey>();
  readonly #epochs = new Map<string, Epoch>();
  #sweptAtMs = 0;

  constructor(core: Core, maxKeys: number = MAX_KEYS) {
    this.#core = core;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#byScope.size;
  }

  find(scope: string, nowMs: number): SigningKey | null {
    if (nowMs - this.#sweptAtMs >= SWEEP_MS) this.#sweep(nowMs);
    const found = this.#byScope.get(scope);
    if (found === undefined) return null;
    if (nowMs >= found.expiresAtMs || !this.#isCurrent(found)) {
      this.#release(scope, found);
      return null;
    }
    this.#byScope.delete(scope);
    this.#byScope.set(scope, found);
    return found;
  }

  /** Keeps a key that was lent. `bytes` (32) is copied and stays the caller's to wipe. */
  add(scope: string, loan: CallerLoan, bytes: Uint8Array): void {
    const known = this.#byScope.get(scope);
    if (known !== undefined) this.#release(scope, known);
    for (const [oldestScope, oldest] of this.#byScope) {
      if (this.#byScope.size < this.#maxKeys) break;
      this.#release(oldestScope, oldest);
    }
    const { leaseId, principal, epoch, refreshAtMs, expiresAtMs } = loan;
    const handle = this.#core.hmacKey(bytes);
    this.#byScope.set(scope, { leaseId, principal, epoch, refreshAtMs, expiresAtMs, handle });
  }

  /** Releases the key of a lease that was found void. */
  drop(leaseId: string): void {
    for (const [scope, key] of this.#byScope) {
      if (key.leaseId === leaseId) this.#release(scope, key);
    }
  }

  raiseEpochs(epochs: readonly (readonly [account: string, epoch: Epoch])[]): void {
    for (const [account, epoch] of epochs) {
      const known = this.#epochs.get(account);
      if (known === undefined || compareEpochs(epoch, known) > 0) this.#epochs.set(account, epoch);
    }
    for (const [scope, key] of this.#byScope) {
      if (!this.#isCurrent(key)) this.#release(scope, key);
    }
  }

  #isCurrent(key: SigningKey): boolean {
    const known = this.#epochs.get(key.principal.account);
    return known === undefined || compareEpochs(key.epoch, known) >= 0;
  }

  #release(scope: string, key: SigningKey): void {
    key.handle.release();
    this.#byScope.delete(scope);
  }

  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const [scope, key] of this.#byScope) {
      if (nowMs >= key.expiresAtMs) this.#release(scope, key);
    }
  }
}
