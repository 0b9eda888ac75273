/** Letting time pass for edge instances, past the code under test. */

import { eq } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { edgeInstanceBudgets, edgeInstances } from "../db/schema/index.ts";

/** The instance was heard last a minute ago; with `leasesEndAtMs` its leases are over, too. */
export async function leavesUnheard(
  database: Database,
  instance: string,
  budget: { readonly leasesEndAtMs?: number } = {},
): Promise<void> {
  await database.read((db) =>
    db
      .update(edgeInstances)
      .set({ lastHeardAtMs: Date.now() - 60_000, connectedAtMs: null })
      .where(eq(edgeInstances.instance, instance)),
  );
  if (budget.leasesEndAtMs === undefined) return;
  const { leasesEndAtMs } = budget;
  await database.read((db) =>
    db
      .update(edgeInstanceBudgets)
      .set({ leasesEndAtMs })
      .where(eq(edgeInstanceBudgets.instance, instance)),
  );
}
