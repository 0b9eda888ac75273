/**
 * Registry and store compared at start. Removed: objects whose creation never completed, hollow ones included. Quarantined, that is recorded and
 * left alone: every other object the registry does not know. Reported: objects the registry knows and the store lacks.
 */

import { appendLog } from "./registry/log.ts";
import { findObject, objectsInState, quarantine } from "./registry/objects.ts";
import { type UpkeepBridge, upkeep } from "./upkeep.ts";

export interface SweepReport {
  readonly removed: number;
  readonly quarantined: number;
  readonly missing: number;
}

export async function sweep(bridge: UpkeepBridge): Promise<SweepReport> {
  const { database, store, clock, logger } = bridge;
  let { removed } = await upkeep(bridge);
  const hollow = await store.removeHollowObjects();
  if (hollow > 0) {
    removed += hollow;
    await database.commit(() =>
      appendLog(database, clock(), "object-removed", "bridge", { objectId: "", hollow }),
    );
  }

  const present = new Set<string>();
  const strangers = new Map<string, { id: string; label: string; count: number }>();
  for (const { id, label } of await store.listObjects()) {
    const state = id === null ? undefined : findObject(database, id)?.state;
    if (id !== null && state === "ready") {
      present.add(id);
      continue;
    }
    const name = JSON.stringify([id, label]);
    const seen = strangers.get(name);
    strangers.set(name, { id: id ?? "", label: label ?? "", count: (seen?.count ?? 0) + 1 });
  }
  await database.commit(() => {
    for (const { id, label, count } of strangers.values()) {
      if (!quarantine(database, id, label, count, clock())) continue;
      appendLog(database, clock(), "object-quarantined", "bridge", { objectId: id, label, count });
    }
  });
  // What is missing may be in a token that does not serve just now.
  const isWhole = store.tokens.every(({ state }) => state === "closed");
  const missing = objectsInState(database, "ready").filter(
    ({ object_id: objectId }) => isWhole && !present.has(objectId),
  );
  const report = { removed, quarantined: strangers.size, missing: missing.length };
  if (report.missing > 0) logger.error("objects of the registry are missing in the store", report);
  else if (report.removed + report.quarantined > 0) logger.warn("the store was swept", report);
  return report;
}
