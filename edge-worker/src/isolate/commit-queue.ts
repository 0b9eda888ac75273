/**
 * Group commit on the isolate's side. One request at a time is the carrier: it takes what waits to the instance's commit
 * point, batch after batch, in its own context (Workers forbid using another request's input and output), which
 * `waitUntil` keeps alive; the others only wait for a promise. After a while the next request to arrive takes over.
 *
 * A durable write takes about as long for one call as for a hundred, so a carrier waits a moment for those who were there last
 * time, but never longer than the last write took.
 */

import type { Epoch } from "@edge-kms/protocol";
import { type Batch, type Commitment, REPLAY_BYTES } from "../instance/messages.ts";
import { DeadlineError, within } from "./deadline.ts";

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

const MAX_BATCH = 256;
/** Waiting calls beyond this are refused: the instance does not keep up. */
const MAX_WAITING = 4096;
const DEADLINE_MS = 10_000;
/** How long one request carries for all, in time and in batches: the platform limits both. */
const TENURE_MS = 5_000;
const TENURE_BATCHES = 500;
/** The longest that a carrier waits for company. */
const MAX_GATHER_MS = 3;

interface Waiting {
  readonly entry: Entry;
  resolve(verdict: number): void;
  reject(error: Error): void;
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
    // The timer is also what tells the runtime that a request which only waits for a promise has not hung. It belongs to
    // this request, so it is cleared here and not by the carrier.
    let timer: ReturnType<typeof setTimeout> | null = null;
    const verdict = new Promise<number>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new DeadlineError(`no verdict within ${2 * DEADLINE_MS} ms`)),
        2 * DEADLINE_MS,
      );
      this.#waiting.push({ entry, resolve, reject });
    });
    if (this.#needsCarrier()) {
      const carrier = { sinceMs: Date.now(), batches: 0, sentAtMs: null, inFlight: [] };
      this.#carrier = carrier;
      door.waitUntil(this.#carry(carrier, door));
    }
    try {
      return await verdict;
    } finally {
      clearTimeout(timer);
    }
  }

  #needsCarrier(): boolean {
    const carrier = this.#carrier;
    if (carrier === null) return true;
    const now = Date.now();
    if (carrier.sentAtMs !== null && now - carrier.sentAtMs > DEADLINE_MS + 1_000) {
      // It vanished with its request. Whether its calls were recorded is unknown; they are not answered.
      for (const { reject } of carrier.inFlight) reject(new Error("the carrier vanished"));
      return true;
    }
    return carrier.batches >= TENURE_BATCHES || now - carrier.sinceMs >= TENURE_MS;
  }

  async #carry(carrier: Carrier, door: CommitDoor): Promise<void> {
    try {
      while (this.#carrier === carrier && this.#waiting.length > 0) {
        await this.#gather();
        await this.#send(carrier, door);
      }
    } finally {
      if (this.#carrier === carrier) this.#carrier = null;
    }
  }

  async #gather(): Promise<void> {
    const patience = Math.min(this.#lastWriteMs, MAX_GATHER_MS);
    for (let waited = 0; waited < patience && this.#waiting.length < this.#expected; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async #send(carrier: Carrier, door: CommitDoor): Promise<void> {
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
      for (const [n, { resolve }] of batch.entries()) resolve(commitment.verdicts[n] as number);
    } catch (thrown) {
      // Whether they were recorded is unknown; they are not answered.
      const error = thrown instanceof Error ? thrown : new Error("the commit point failed");
      for (const { reject } of batch) reject(error);
    }
    carrier.sentAtMs = null;
    carrier.inFlight = [];
    this.#lastWriteMs = Date.now() - sentAtMs;
    this.#expected = Math.min(MAX_BATCH, batch.length + this.#waiting.length);
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
