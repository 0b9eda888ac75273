/**
 * Time to serve again after each fault: the fault suite's own run, every fault once, with the clients that check. A row is worth nothing when
 * a rule was broken, so then there is none.
 */

import { existsSync } from "node:fs";
import { NSS_MODULE, SOFTHSM_MODULE } from "@edge-kms/hsm-bridge/testing/modules";
import { type Fault, faults, tokenFaults } from "../src/faults/faults.ts";
import { type FaultRow, runFaults } from "../src/faults/run.ts";
import type { Store } from "../src/faults/world.ts";

/**
 * Master keys where the launcher puts them by default; then in two tokens, where there are modules for them. @throws when anything was
 * lost.
 */
export async function benchFaults(rounds: number, onRow: (row: FaultRow) => void): Promise<void> {
  const runs: [Store, readonly Fault[]][] = [["auto", faults]];
  const hasBoth = NSS_MODULE !== null && existsSync(SOFTHSM_MODULE);
  if (hasBoth) runs.push(["two tokens", tokenFaults]);
  for (const [store, wanted] of runs) {
    const left = Array.from({ length: rounds }, () => wanted).flat();
    const { violations } = await runFaults({ store, next: () => left.shift(), onRow });
    if (violations.length > 0) throw new Error(`rules broken:\n${violations.join("\n")}`);
  }
}
