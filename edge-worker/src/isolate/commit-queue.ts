/**
 * Group commit on the isolate's side. One request at a time carries what waits to the instance's commit point; those that
 * arrive meanwhile wait, and one of them carries all of them next. Each batch is one RPC in the context of one request,
 * which `waitUntil` keeps alive; the others only wait for a promise.
 */

import type { Epoch } from "@edge-kms/protocol";
import { type Batch, type Commitment, REPLAY_BYTES } from "../instance/messages.ts";
import { within } from "./deadline.ts";

/** One call to be recorded; see `Batch`. */
export interface Entry {
  readonly event: string;
  readonly caller: string;
  readonly account: string;
  readonly keys: readonly string[];
  /** REPLAY_BYTES. */
  readonly signature: Uint8Array;
}

/** Carries a batch to the instance; made by the request that carries it. */
export type Carry = (batch: Batch) => Promise<Commitment>;

const MAX_BATCH = 256;
/** Waiting calls beyond this are refused: the instance does not keep up. */
const MAX_WAITING = 4096;
const DEADLINE_MS = 10_000;

interface Waiting {
  readonly entry: Entry;
  /** A verdict, the turn to carry, or what went wrong. */
  settle(outcome: number | "carry" | Error): void;
}

export class CommitQueue {
  readonly #waiting: Waiting[] = [];
  readonly #onEpochs: (epochs: readonly (readonly [string, Epoch])[]) => void;
  #carryingSinceMs: number | null = null;
  #epochsRevision = 0;

  /** @param onEpochs is told of epochs that are newer than what this isolate knew. */
  constructor(onEpochs: (epochs: readonly (readonly [string, Epoch])[]) => void) {
    this.#onEpochs = onEpochs;
  }

  /** The verdict on one call. Null when too many wait. @throws when the instance cannot be reached or does not answer. */
  async commit(entry: Entry, carry: Carry): Promise<number | null> {
    if (this.#waiting.length >= MAX_WAITING) return null;
    const outcome = new Promise<number | "carry">((resolve, reject) => {
      this.#waiting.push({
        entry,
        settle: (value) => (value instanceof Error ? reject(value) : resolve(value)),
      });
    });
    // A carrier that vanished with its request must not stop the queue.
    const since = this.#carryingSinceMs;
    if (since === null || Date.now() - since > DEADLINE_MS) {
      await this.#carry(carry);
      return (await within(DEADLINE_MS, outcome)) as number;
    }
    const turn = await within(2 * DEADLINE_MS, outcome);
    if (turn !== "carry") return turn;
    return await this.#carryFor(entry, carry);
  }

  /** Carries for all, this entry among them: its promise is used up by the turn, so it gets a place of its own. */
  async #carryFor(entry: Entry, carry: Carry): Promise<number> {
    let verdict: number | Error = new Error("the entry was not in its batch");
    const index = this.#waiting.findIndex((waiting) => waiting.entry === entry);
    if (index < 0) throw verdict;
    this.#waiting[index] = {
      entry,
      settle: (outcome) => {
        if (outcome !== "carry") verdict = outcome;
      },
    };
    await this.#carry(carry);
    if (typeof verdict !== "number") throw verdict;
    return verdict;
  }

  async #carry(carry: Carry): Promise<void> {
    const mark = Date.now();
    this.#carryingSinceMs = mark;
    const batch = this.#waiting.splice(0, MAX_BATCH);
    try {
      const commitment = await within(DEADLINE_MS, carry(this.#pack(batch)));
      if (commitment.verdicts.length !== batch.length) throw new Error("verdicts of another batch");
      this.#epochsRevision = commitment.epochsRevision;
      if (commitment.epochs !== null) this.#onEpochs(commitment.epochs);
      batch.forEach((waiting, n) => {
        waiting.settle(commitment.verdicts[n] as number);
      });
    } catch (thrown) {
      // Whether they were recorded is unknown; they are not answered.
      const error = thrown instanceof Error ? thrown : new Error("the commit point failed");
      for (const waiting of batch) waiting.settle(error);
    } finally {
      const next = this.#waiting[0];
      if (next === undefined) this.#carryingSinceMs = null;
      else {
        this.#carryingSinceMs = Date.now();
        next.settle("carry");
      }
    }
  }

  #pack(batch: readonly Waiting[]): Batch {
    const signatures = new Uint8Array(batch.length * REPLAY_BYTES);
    batch.forEach(({ entry }, n) => {
      signatures.set(entry.signature, n * REPLAY_BYTES);
    });
    return {
      events: batch.map(({ entry }) => entry.event),
      callers: batch.map(({ entry }) => entry.caller),
      accounts: batch.map(({ entry }) => entry.account),
      keys: batch.map(({ entry }) => entry.keys),
      signatures,
      epochsRevision: this.#epochsRevision,
    };
  }
}
