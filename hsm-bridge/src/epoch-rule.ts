/**
 * The policy epoch rule (design §4 "Lease"): of this registry's generation, never below the highest seen, and not far above
 * it. What the bridge has once seen it never forgets: the highest number of all would leave the account without leases.
 */

import type { Epoch } from "@edge-kms/protocol";
import type { Bridge } from "./bridge.ts";
import { BridgeError } from "./errors.ts";
import { highestEpoch } from "./registry/epochs.ts";

/** One per change that takes a right away: more than an account sees in years, and 2^33 such steps to the last number. */
export const MAX_EPOCH_STEP = 2 ** 20;

/** The rule without registry or I/O; the model of the protocol (test/model) asks it too. */
export function judgeEpoch(
  epoch: Epoch,
  generation: number,
  highest: number,
): "current" | "stale" | "too-far" {
  if (epoch.generation !== generation || epoch.counter < highest) return "stale";
  return epoch.counter > highest + MAX_EPOCH_STEP ? "too-far" : "current";
}

/** `stale-epoch`, which the control plane mends by itself, or `bad-request`, which only an operator can (README). */
export function checkEpoch(bridge: Bridge, account: string, epoch: Epoch): void {
  const highest = highestEpoch(bridge.database, account);
  const verdict = judgeEpoch(epoch, bridge.generation, highest);
  if (verdict === "stale") {
    throw new BridgeError("stale-epoch", "The bridge has seen a newer epoch of this account.");
  }
  if (verdict === "too-far") {
    throw new BridgeError("bad-request", "The epoch is too far above the highest that was seen.", {
      detail: `epoch ${epoch.counter} of account ${account}, highest seen ${highest}`,
    });
  }
}
