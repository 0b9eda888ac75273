/**
 * Opened branch keys in the wasm memory of this isolate: bounded, the least recently used released first, none used past
 * its lease. What a key is found by has everything that decides the answer; what a lease adds (epoch, group, expiry) is
 * checked when it is found, and again by the commit point.
 */

import { compareEpochs, type Epoch, type LeasedKey } from "@edge-kms/protocol";
import type { Core, SuiteKey } from "@edge-kms/wasm-core";
import type { KeyLoan } from "../instance/messages.ts";
import { useOf } from "./use-of.ts";

/** A branch key that can be used now. Not to be kept across an `await`: it may be released meanwhile. */
export interface OpenKey extends Omit<KeyLoan, "sealed" | "refreshAtMs"> {
  refreshAtMs: number;
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly suiteKey: SuiteKey;
}

/** Fewer than the handles of the core, which an instance in the same isolate shares. */
const MAX_OPEN = 900;
const SWEEP_MS = 1_000;

export class OpenKeys {
  readonly #core: Core;
  readonly #group: string;
  readonly #maxOpen: number;
  /** In order of use, the oldest first. */
  readonly #byLease = new Map<string, OpenKey>();
  readonly #byUse = new Map<string, OpenKey>();
  readonly #epochs = new Map<string, Epoch>();
  #sweptAtMs = 0;

  constructor(core: Core, group: string, maxOpen: number = MAX_OPEN) {
    this.#core = core;
    this.#group = group;
    this.#maxOpen = maxOpen;
  }

  get size(): number {
    return this.#byLease.size;
  }

  /** The key for a use, if it is open and its lease valid. */
  find(key: LeasedKey, nowMs: number): OpenKey | null {
    if (nowMs - this.#sweptAtMs >= SWEEP_MS) this.#sweep(nowMs);
    const found = this.#byUse.get(useOf(key));
    if (found === undefined) return null;
    if (nowMs >= found.expiresAtMs || !this.#isCurrent(found)) {
      this.#release(found);
      return null;
    }
    this.#byLease.delete(found.leaseId);
    this.#byLease.set(found.leaseId, found);
    return found;
  }

  /** Opens a key that was lent for this use. `bytes` is copied and stays the caller's to wipe. */
  add(key: LeasedKey, loan: KeyLoan, bytes: Uint8Array): void {
    if (loan.group !== this.#group) throw new RangeError("a branch key of another group");
    const known = this.#byLease.get(loan.leaseId);
    if (known !== undefined) {
      // The instance had no newer one and says when to ask again.
      known.refreshAtMs = loan.refreshAtMs;
      this.#index(key, known);
      return;
    }
    while (this.#byLease.size >= this.#maxOpen) {
      const [oldest] = this.#byLease.values();
      if (oldest !== undefined) this.#release(oldest);
    }
    const { sealed: _, ...terms } = loan;
    const open: OpenKey = {
      ...terms,
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      suiteKey: this.#core.suiteKey(loan.suite, bytes),
    };
    this.#byLease.set(open.leaseId, open);
    this.#index(key, open);
  }

  /** Releases the key of a lease that was found void. */
  drop(leaseId: string): void {
    const open = this.#byLease.get(leaseId);
    if (open !== undefined) this.#release(open);
  }

  /** Takes newer epochs and releases what they void. */
  raiseEpochs(epochs: readonly (readonly [account: string, epoch: Epoch])[]): void {
    for (const [account, epoch] of epochs) {
      const known = this.#epochs.get(account);
      if (known === undefined || compareEpochs(epoch, known) > 0) this.#epochs.set(account, epoch);
    }
    for (const open of [...this.#byLease.values()]) {
      if (!this.#isCurrent(open)) this.#release(open);
    }
  }

  #isCurrent(open: OpenKey): boolean {
    const known = this.#epochs.get(open.account);
    return known === undefined || compareEpochs(open.epoch, known) >= 0;
  }

  /** A lease for encryption answers for decryption of its own branch too. */
  #index(key: LeasedKey, open: OpenKey): void {
    const { account, region, keyId } = key;
    const { version, branch, suite } = open;
    this.#byUse.set(useOf(key), open);
    this.#byUse.set(
      useOf({ purpose: "decrypt", account, region, keyId, version, branch, suite }),
      open,
    );
  }

  #release(open: OpenKey): void {
    open.suiteKey.release();
    this.#byLease.delete(open.leaseId);
    const { account, region, keyId, version, branch, suite } = open;
    for (const use of [
      useOf({ purpose: "encrypt", account, region, keyId }),
      useOf({ purpose: "decrypt", account, region, keyId, version, branch, suite }),
    ]) {
      if (this.#byUse.get(use) === open) this.#byUse.delete(use);
    }
  }

  /** There are no timers between requests: what ended meanwhile is released by the next one. */
  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const open of [...this.#byLease.values()]) {
      if (nowMs >= open.expiresAtMs) this.#release(open);
    }
  }
}
