/**
 * Delivery of the outbox to the control plane: at least once, in order within an incarnation, deleted only when
 * acknowledged. A failure is tried again with growing pauses, and when the connection is there again; one incarnation whose records are refused does not hold up
 * another.
 */

import {
  auditDeliveryResponse,
  MAX_DELIVERED_RECORDS,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { InstanceClock } from "./clock.ts";
import type { Outbox } from "./outbox.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

/** Records that come close together travel together: a delivery costs both sides a signature and a transaction. */
const GATHER_MS = 50;
/** A delivery of so many is followed by the next at once. */
const FULL = MAX_DELIVERED_RECORDS / 2;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

export class Delivery {
  readonly #outbox: Outbox;
  readonly #upstream: Upstream;
  readonly #clock: InstanceClock;
  #isRunning = false;
  #failures = 0;
  /** Ends the pause that is being made, if one is. */
  #endPause: () => void = () => undefined;
  /** Incarnations whose last delivery was answered, with a refusal. */
  readonly #refused = new Set<string>();

  constructor(outbox: Outbox, upstream: Upstream, clock: InstanceClock) {
    this.#clock = clock;
    this.#outbox = outbox;
    this.#upstream = upstream;
  }

  /** Records that wait behind one the control plane refuses. Trying again hardly helps: a person has to look. */
  get blockedRecords(): number {
    let blocked = 0;
    for (const instance of this.#refused) blocked += this.#outbox.waiting(instance);
    return blocked;
  }

  /** Sees to it that what waits is delivered. Returns at once. */
  kick(): void {
    if (this.#isRunning || this.#outbox.size === 0) return;
    this.#isRunning = true;
    void this.#run()
      .catch(() => {
        this.#failures += 1;
        console.error("audit delivery stopped: the outbox cannot be read");
      })
      .finally(() => {
        this.#isRunning = false;
      });
  }

  /** The control plane is there again: what waits after failures is tried at once. */
  retry(): void {
    this.#endPause();
    this.kick();
  }

  async #run(): Promise<void> {
    while (this.#outbox.size > 0) {
      await this.#pause(this.#failures === 0 ? GATHER_MS : backOff(this.#failures));
      let isAllDelivered = true;
      for (const instance of this.#outbox.instances) {
        isAllDelivered = (await this.#deliverAll(instance)) && isAllDelivered;
      }
      this.#failures = isAllDelivered ? 0 : this.#failures + 1;
    }
  }

  /** Whether what waited of one incarnation is acknowledged. What came meanwhile gathers for the next round. */
  async #deliverAll(instance: string): Promise<boolean> {
    for (;;) {
      const rows = this.#outbox.next(instance);
      if (rows === null) return true;
      const acknowledgedSeq = await this.#post(instance, rows.records);
      if (acknowledgedSeq === null) return false;
      this.#outbox.acknowledge(
        instance,
        Math.min(acknowledgedSeq, rows.lastSeq),
        this.#clock.now(),
      );
      if (acknowledgedSeq < rows.lastSeq) return false;
      this.#failures = 0;
      if (rows.records.length < FULL) return true;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #post(of: string, records: readonly string[]): Promise<number | null> {
    try {
      const { answer } = await this.#upstream.post(
        "/edge/v1/audit",
        signedMessageTypes.auditDelivery,
        { ...this.#upstream.origin(), of, records },
        auditDeliveryResponse,
      );
      if ("acknowledgedSeq" in answer) {
        this.#refused.delete(of);
        return answer.acknowledgedSeq;
      }
      this.#refused.add(of);
      console.error(`audit delivery of ${of} refused: ${answer.error.code}`);
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) {
        console.error(`audit delivery of ${of}: ${thrown instanceof Error ? thrown.name : "?"}`);
      } else if (this.#failures === 0) console.error(`audit delivery of ${of}: ${thrown.message}`);
    }
    return null;
  }
}

function backOff(failures: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10));
  return longest * (0.5 + 0.5 * Math.random());
}
