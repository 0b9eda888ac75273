/**
 * The commit point (design §4): the one place where it is decided, after all the work is done, whether a call may be
 * answered. For each call of a batch: the caller's credential and every key lease are this instance's own, unexpired and of the
 * current epoch; account and access key are within their rates; the lease has an operation left; the outbox has room under the budgets of all of them; the signature
 * was not used for anything else. What passes is numbered, chained and written as one row.
 */

import {
  AUDIT_CHAIN_START,
  encodeAuditRecord,
  hexEncode,
  MAX_AUDIT_RECORD_BYTES,
} from "@edge-kms/protocol";
import type { CallerLeases, HeldCaller } from "./caller-leases.ts";
import type { InstanceClock } from "./clock.ts";
import type { Epochs } from "./epochs.ts";
import { type Batch, type Commitment, MAX_BATCH, REPLAY_BYTES, verdicts } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { RateRefusals } from "./rate-refusals.ts";
import type { Rates } from "./rates.ts";
import type { ReplayMemory } from "./replay-memory.ts";
import { hasRoom } from "./rules.ts";

/** Without any lease to say so: records of refusals by the commit point itself. */
const MAX_UNACKNOWLEDGED = 200_000;

/** What allows a use of a key: a lease of it, or an operation that the bridge performed. */
export interface HeldUse {
  readonly account: string;
  readonly maxUnacknowledged: number;
  /** Counted down here. */
  operationsLeft: number;
}

export interface CommitContext {
  readonly edge: string;
  readonly instance: string;
  readonly clock: InstanceClock;
  readonly epochs: Epochs;
  readonly keys: { valid(id: string, nowMs: number): HeldUse | null };
  readonly callers: CallerLeases;
  readonly replays: ReplayMemory;
  readonly rates: Rates;
  readonly rateRefusals: RateRefusals;
  readonly outbox: Outbox;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
}

/** A row of the outbox in the making, and where the chain stands behind it. */
interface Row {
  readonly records: Uint8Array[];
  seq: number;
  head: string;
}

interface Passed {
  readonly caller: HeldCaller | null;
  readonly keys: readonly HeldUse[];
}

export class CommitPoint {
  readonly #context: CommitContext;
  #seq = 0;
  #head = AUDIT_CHAIN_START;

  constructor(context: CommitContext) {
    this.#context = context;
  }

  /** Sequence number and hash of the newest record. */
  get head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#seq, hash: this.#head };
  }

  /**
   * Decides on a batch and writes what passes, without waiting for the disk: the caller must synchronise the storage
   * before it tells anyone. @throws when the row cannot be written; then nothing has passed.
   */
  decide(batch: Batch): Commitment {
    const { clock, epochs } = this.#context;
    const count = batch.events.length;
    if (count > MAX_BATCH || batch.signatures.length !== count * REPLAY_BYTES) {
      throw new RangeError(`a batch of ${count} calls and ${batch.signatures.length} bytes`);
    }
    const now = clock.now();
    const decided = new Uint8Array(count);
    const row = this.#startRow();
    for (let n = 0; n < count; n++) {
      const event = batch.events[n] as string;
      const passed = this.#judge(batch, n, now, row.records.length);
      if (typeof passed === "number") {
        decided[n] = passed;
        continue;
      }
      if (!this.#add(row, event)) {
        decided[n] = verdicts.tooLong;
        continue;
      }
      decided[n] = verdicts.recorded;
      for (const key of passed.keys) key.operationsLeft -= 1;
      if (passed.caller !== null) this.#spend(passed.caller);
    }
    this.#write(row, now);
    const isBehind = batch.epochsRevision !== epochs.revision;
    return {
      verdicts: decided,
      epochsRevision: epochs.revision,
      epochs: isBehind ? epochs.entries() : null,
    };
  }

  /**
   * Writes the records of calls that were refused for their rate, as far as they are due and there is room. Whether any was
   * written; durable as above.
   */
  recordRateRefusals(): boolean {
    const { clock, outbox, rateRefusals } = this.#context;
    const row = this.#startRow();
    const room = Math.min(MAX_BATCH, MAX_UNACKNOWLEDGED - outbox.size);
    for (const event of rateRefusals.take(room)) this.#add(row, event);
    this.#write(row, clock.now());
    return row.records.length > 0;
  }

  #startRow(): Row {
    return { records: [], seq: this.#seq, head: this.#head };
  }

  /** Puts an event into its place in the chain; false when its record is longer than any may be. */
  #add(row: Row, event: string): boolean {
    const { edge, instance, sha256 } = this.#context;
    const record = encodeAuditRecord({ edge, instance, seq: row.seq + 1, prev: row.head }, event);
    // It would be refused for ever, and with it every record behind it.
    if (record.length > MAX_AUDIT_RECORD_BYTES) return false;
    row.seq += 1;
    row.head = hexEncode(sha256(record));
    row.records.push(record);
    return true;
  }

  #write({ records, seq, head }: Row, nowMs: number): void {
    const { outbox, instance } = this.#context;
    if (records.length > 0) outbox.append(instance, this.#seq + 1, records, nowMs);
    // Only a row that was written moves the chain on.
    this.#seq = seq;
    this.#head = head;
  }

  #spend(caller: HeldCaller): void {
    const { callers, rates } = this.#context;
    callers.spend(caller);
    rates.spend(caller.principal.account, caller.secretId);
  }

  #judge(batch: Batch, n: number, now: number, pending: number): Passed | number {
    const { outbox, callers, keys, replays, rates, rateRefusals } = this.#context;
    const room = outbox.size + pending;
    const callerId = batch.callers[n];
    if (callerId === "") {
      return hasRoom(room, MAX_UNACKNOWLEDGED) ? { caller: null, keys: [] } : verdicts.overBudget;
    }
    const caller = callers.valid(callerId ?? "?", now);
    if (caller === null || caller.principal.account !== batch.accounts[n]) {
      return verdicts.staleCaller;
    }
    if (!hasRoom(room, caller.maxUnacknowledged)) return verdicts.overBudget;
    if (!rates.admits(caller.principal.account, caller.secretId)) {
      callers.spend(caller);
      rateRefusals.note(caller.secretId, batch.events[n] ?? "");
      return verdicts.overRate;
    }
    const used: HeldUse[] = [];
    for (const id of batch.keys[n] ?? []) {
      const key = keys.valid(id, now);
      // A key of another account can only come from a fault of our own; it must not pass all the same.
      if (key === null || key.account !== caller.principal.account) return verdicts.staleKey;
      if (!hasRoom(room, key.maxUnacknowledged)) return verdicts.overBudget;
      used.push(key);
    }
    switch (replays.see(batch.signatures, n, now)) {
      case "other":
        return verdicts.replayed;
      case "full":
        return verdicts.overloaded;
      case "new":
      case "same":
      case "reused":
        return { caller, keys: used };
    }
  }
}
