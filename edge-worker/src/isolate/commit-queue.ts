/**
 * Group commit on the isolate's side. One request at a time is the carrier: it takes what waits to the instance's commit
 * point, batch after batch, in its own context, which `waitUntil` keeps alive; the others look for their verdict
 * (deadline.ts says why they do not wait for a promise). After a while the next request to arrive takes over.
 *
 * A durable write takes about as long for one call as for a hundred, so a carrier waits a moment for those who were there last
 * time, but never longer than the last write took.
 */

import type { Epoch } from "@edge-kms/protocol";
import { type Batch, type Commitment, MAX_BATCH, REPLAY_BYTES } from "../instance/messages.ts";
import { type Shared, shared, sleep, within } from "./deadline.ts";

/** One call to be recorded; see `Batch`. */
export interface Entry {
  readonly event: string;
  readonly caller: string;
  readonly account: string;
  readonly keys: readonly string[];
  /** REPLAY_BYTES. */
  readonly signature: Uint8Array;
}

/** What a request lends to carry with. */
export interface CommitDoor {
  append(batch: Batch): Promise<Commitment>;
  waitUntil(work: Promise<unknown>): void;
}

/** Waiting calls beyond this are refused: the instance does not keep up. */
const MAX_WAITING = 4096;
const DEADLINE_MS = 10_000;
/** How long one request carries for all, in time and in batches: the platform limits both. */
const TENURE_MS = 5_000;
const TENURE_BATCHES = 500;
/** The longest that a carrier waits for company. */
const MAX_GATHER_MS = 3;
/** When a call first looks for its verdict: after as long as the last write took, but not much later than a quick one. */
const MAX_FIRST_LOOK_MS = 5;

interface Waiting extends Shared<number> {
  readonly entry: Entry;
}

interface Carrier {
  readonly sinceMs: number;
  batches: number;
  /** When the batch on its way was sent; null while there is none. */
  sentAtMs: number | null;
  inFlight: readonly Waiting[];
}

export class CommitQueue {
  #waiting: Waiting[] = [];
  #carrier: Carrier | null = null;
  readonly #onEpochs: (epochs: readonly (readonly [string, Epoch])[]) => void;
  #epochsRevision = 0;
  /** Calls that may come again together, and how long the last write took. */
  #expected = 0;
  #lastWriteMs = 0;

  /** @param onEpochs is told of epochs that are newer than what this isolate knew. */
  constructor(onEpochs: (epochs: readonly (readonly [string, Epoch])[]) => void) {
    this.#onEpochs = onEpochs;
  }

  /** The verdict on one call. Null when too many wait. @throws when the instance cannot be reached or does not answer. */
  async commit(entry: Entry, door: CommitDoor): Promise<number | null> {
    if (this.#waiting.length >= MAX_WAITING) return null;
    const waiting: Waiting = { entry, outcome: undefined };
    this.#waiting.push(waiting);
    if (this.#needsCarrier()) {
      const carrier: Carrier = { sinceMs: Date.now(), batches: 0, sentAtMs: null, inFlight: [] };
      this.#carrier = carrier;
      const first = this.#carryOne(carrier, door);
      door.waitUntil(first.then(() => this.#carryOn(carrier, door)));
      await first;
    }
    const firstLookMs = Math.max(1, Math.min(this.#lastWriteMs, MAX_FIRST_LOOK_MS));
    return shared(waiting, 2 * DEADLINE_MS, firstLookMs);
  }

  #needsCarrier(): boolean {
    const carrier = this.#carrier;
    if (carrier === null) return true;
    const now = Date.now();
    if (carrier.sentAtMs !== null && now - carrier.sentAtMs > DEADLINE_MS + 1_000) {
      // It vanished with its request. Whether its calls were recorded is unknown; they are not answered.
      for (const waiting of carrier.inFlight) fail(waiting, new Error("the carrier vanished"));
      return true;
    }
    return carrier.batches >= TENURE_BATCHES || now - carrier.sinceMs >= TENURE_MS;
  }

  async #carryOn(carrier: Carrier, door: CommitDoor): Promise<void> {
    while (this.#carrier === carrier && this.#waiting.length > 0) {
      await this.#carryOne(carrier, door);
    }
    if (this.#carrier === carrier) this.#carrier = null;
  }

  /** One batch there and back. Never throws: what goes wrong is the outcome of its calls. */
  async #carryOne(carrier: Carrier, door: CommitDoor): Promise<void> {
    await this.#gather();
    const batch = this.#waiting.slice(0, MAX_BATCH);
    this.#waiting = this.#waiting.slice(MAX_BATCH);
    const sentAtMs = Date.now();
    carrier.inFlight = batch;
    carrier.sentAtMs = sentAtMs;
    carrier.batches += 1;
    try {
      const commitment = await within(DEADLINE_MS, door.append(this.#pack(batch)));
      if (commitment.verdicts.length !== batch.length) throw new Error("verdicts of another batch");
      this.#epochsRevision = commitment.epochsRevision;
      if (commitment.epochs !== null) this.#onEpochs(commitment.epochs);
      for (const [n, waiting] of batch.entries()) {
        waiting.outcome ??= { value: commitment.verdicts[n] as number };
      }
    } catch (thrown) {
      // Whether they were recorded is unknown; they are not answered.
      const error = thrown instanceof Error ? thrown : new Error("the commit point failed");
      for (const waiting of batch) fail(waiting, error);
    }
    carrier.sentAtMs = null;
    carrier.inFlight = [];
    this.#lastWriteMs = Date.now() - sentAtMs;
    this.#expected = Math.min(MAX_BATCH, batch.length + this.#waiting.length);
  }

  async #gather(): Promise<void> {
    const patience = Math.min(this.#lastWriteMs, MAX_GATHER_MS);
    for (let waited = 0; waited < patience && this.#waiting.length < this.#expected; waited++) {
      await sleep(1);
    }
  }

  #pack(batch: readonly Waiting[]): Batch {
    const signatures = new Uint8Array(batch.length * REPLAY_BYTES);
    for (const [n, { entry }] of batch.entries()) signatures.set(entry.signature, n * REPLAY_BYTES);
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

function fail(waiting: Waiting, error: Error): void {
  waiting.outcome ??= { error };
}
