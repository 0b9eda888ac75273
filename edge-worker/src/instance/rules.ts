/**
 * The rules by which an instance decides (promises P2 and P3), without memory, clock or I/O of their own: the parts of the
 * instance ask them, and so does the model of the protocol (test/model).
 */

import { compareEpochs, DISCONNECTED_AFTER_MS, type Epoch } from "@edge-kms/protocol";

/** What a lease, a credential or the terms of an operation say of their end. */
export interface Terms {
  /** By the instance's own clock. */
  readonly expiresAtMs: number;
  /** Absent: as many as come until the end. */
  readonly operationsLeft?: number;
}

/** Whether terms still allow a use; their epoch is asked for separately. The end itself is too late. */
export function isUsable({ expiresAtMs, operationsLeft = 1 }: Terms, nowMs: number): boolean {
  return nowMs < expiresAtMs && operationsLeft > 0;
}

/** Whether what was granted at `granted` holds when `known` is the newest epoch of its account; null: none is known. */
export function isCurrentEpoch(granted: Epoch, known: Epoch | null): boolean {
  return known === null || compareEpochs(granted, known) >= 0;
}

/** Whether an outbox with so many records takes one more under a budget. */
export function hasRoom(waitingRecords: number, maxUnacknowledged: number): boolean {
  return waitingRecords < maxUnacknowledged;
}

/** Whether the control plane counts as there, after it was last heard at that time (P2: 5 s). */
export function isHeard(heardAtMs: number, nowMs: number): boolean {
  return nowMs - heardAtMs <= DISCONNECTED_AFTER_MS;
}
