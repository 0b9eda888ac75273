/**
 * Time to serve again after each fault: the fault suite's own run, every fault once, with the clients that check. A row is worth nothing when
 * a rule was broken, so then there is none.
 */

import { faults } from "../src/faults/faults.ts";
import { type FaultRow, runFaults } from "../src/faults/run.ts";

/** Master keys where the launcher puts them by default. @throws when anything was lost. */
export async function benchFaults(rounds: number, onRow: (row: FaultRow) => void): Promise<void> {
  const left = Array.from({ length: rounds }, () => faults).flat();
  const { violations } = await runFaults({ store: "auto", next: () => left.shift(), onRow });
  if (violations.length > 0) throw new Error(`rules broken:\n${violations.join("\n")}`);
}
