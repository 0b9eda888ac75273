/** The policy epoch rule (design §4 "Lease"): of this registry's generation, and never below the highest seen. */

import type { Epoch } from "@edge-kms/protocol";
import type { Bridge } from "./bridge.ts";
import { BridgeError } from "./errors.ts";
import { highestEpoch } from "./registry/epochs.ts";

export function checkEpoch(bridge: Bridge, account: string, epoch: Epoch): void {
  if (
    epoch.generation !== bridge.generation ||
    epoch.counter < highestEpoch(bridge.database, account)
  ) {
    throw new BridgeError("stale-epoch", "The bridge has seen a newer epoch of this account.");
  }
}
