/**
 * Earlier incarnations on the same storage. What they recorded is in the outbox, which this instance delivers; once nothing of
 * one waits any more, it is told to the control plane, which then knows that no record of that one is missing (protocol.md
 * "At most N unaccounted"). Storage that is lost takes this knowledge with it, and the control plane goes on counting.
 */

import {
  auditSettledResponse,
  MAX_SETTLED_INSTANCES,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Outbox } from "./outbox.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

const LOOK_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export class Predecessors {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly #upstream: Upstream;
  readonly #open = new Set<string>();
  #isRunning = false;

  /** Writes down that this incarnation began; durable with the first record it writes, which is soon enough. */
  constructor(sql: SqlStorage, instance: string, outbox: Outbox, upstream: Upstream) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.#upstream = upstream;
    sql.exec("CREATE TABLE IF NOT EXISTS incarnations (instance TEXT PRIMARY KEY) STRICT");
    for (const row of sql.exec<{ instance: string }>("SELECT instance FROM incarnations")) {
      this.#open.add(row.instance);
    }
    // Written by a version that kept no such list.
    for (const earlier of outbox.instances) this.#open.add(earlier);
    sql.exec("INSERT INTO incarnations (instance) VALUES (?)", instance);
  }

  /** Sees to it that the control plane hears of all of them. Returns at once. */
  kick(): void {
    if (this.#isRunning || this.#open.size === 0) return;
    this.#isRunning = true;
    void this.#run()
      .catch(() => console.error("earlier incarnations not told: the storage cannot be read"))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #run(): Promise<void> {
    let pauseMs = LOOK_MS;
    while (this.#open.size > 0) {
      const settled = [...this.#open]
        .filter((instance) => this.#outbox.waiting(instance) === 0)
        .slice(0, MAX_SETTLED_INSTANCES);
      if (settled.length > 0) {
        const isTold = await this.#tell(settled);
        if (isTold) this.#forget(settled);
        pauseMs = isTold ? LOOK_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
      if (this.#open.size === 0) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #tell(settled: readonly string[]): Promise<boolean> {
    try {
      const { answer } = await this.#upstream.post(
        "/edge/v1/audit/settled",
        signedMessageTypes.auditSettled,
        { ...this.#upstream.origin(), settled },
        auditSettledResponse,
      );
      return "accepted" in answer;
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) throw thrown;
      return false;
    }
  }

  #forget(settled: readonly string[]): void {
    for (const instance of settled) {
      this.#sql.exec("DELETE FROM incarnations WHERE instance = ?", instance);
      this.#open.delete(instance);
    }
  }
}
