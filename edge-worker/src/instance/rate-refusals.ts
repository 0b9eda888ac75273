/**
 * Calls that were refused because there were too many: counted by access key, and recorded once a second with their number
 * instead of one by one, so that who floods an edge does not fill its outbox. The record is that of the first of them, with
 * the reason `over-rate-N`.
 */

import { type AuditEvent, encodeAuditEvent } from "@edge-kms/protocol";

/** Refusals of an access key are gathered for so long. */
export const GATHER_REFUSALS_MS = 1_000;

interface Gathered {
  /** The text of the first one's event, as if the call had been served. */
  readonly event: string;
  readonly sinceMs: number;
  count: number;
}

export class RateRefusals {
  readonly #bySecretId = new Map<string, Gathered>();
  readonly #platform: () => number;

  constructor(platform: () => number = Date.now) {
    this.#platform = platform;
  }

  /** Whether some wait to be recorded. */
  get isWaiting(): boolean {
    return this.#bySecretId.size > 0;
  }

  note(secretId: string, event: string): void {
    const gathered = this.#bySecretId.get(secretId);
    if (gathered !== undefined) gathered.count += 1;
    else this.#bySecretId.set(secretId, { event, sinceMs: this.#platform(), count: 1 });
  }

  /**
   * Events to be recorded now, which are then gathered no longer. A clock that went back ends the gathering: otherwise it might
   * last for as long as the step was.
   *
   * @param max at most so many; the others are due still.
   */
  take(max: number): string[] {
    const nowMs = this.#platform();
    const events: string[] = [];
    for (const [secretId, { event, sinceMs, count }] of this.#bySecretId) {
      if (events.length >= max) break;
      if (nowMs >= sinceMs && nowMs - sinceMs < GATHER_REFUSALS_MS) continue;
      this.#bySecretId.delete(secretId);
      events.push(refusedEvent(event, count));
    }
    return events;
  }
}

/** Nothing of the call was answered, so no key was used. */
function refusedEvent(text: string, count: number): string {
  const event = JSON.parse(text) as AuditEvent;
  return encodeAuditEvent({
    ...event,
    errorCode: "RequestLimitExceeded",
    reason: `over-rate-${count}`,
    uses: [],
    store: null,
  });
}
