/**
 * Registry and store compared at start. Removed: objects whose creation never completed, hollow ones included. Quarantined, that is recorded and
 * left alone: every other object the registry does not know. Reported: objects the registry knows and the store lacks.
 */

import type { Bridge } from "./bridge.ts";
import { destroyKeyObjects } from "./operations/destroy-key-objects.ts";
import { keysInState } from "./registry/keys.ts";
import { appendLog } from "./registry/log.ts";
import { findObject, objectsInState, quarantine, removeUnfinished } from "./registry/objects.ts";
import { upkeep } from "./upkeep.ts";

export interface SweepReport {
  readonly removed: number;
  readonly quarantined: number;
  readonly missing: number;
}

type SweepBridge = Pick<Bridge, "database" | "store" | "clock" | "logger">;

export async function sweep(bridge: SweepBridge): Promise<SweepReport> {
  const { database, store, clock, logger } = bridge;
  for (const key of keysInState(database, "destroying")) {
    // Only a key with a date is destroyed; the others were given up.
    const end = key.destroyNotBeforeMs === null ? "abandoned" : "destroyed";
    await destroyKeyObjects(bridge, key.keyId, end, "bridge");
  }

  await upkeep(bridge);

  let removed = 0;
  for (const { object_id: objectId, purpose } of objectsInState(database, "creating")) {
    if (!(await removeUnfinished(database, store, objectId))) continue;
    removed += 1;
    await database.commit(() =>
      appendLog(database, clock(), "object-removed", "bridge", { objectId, purpose }),
    );
  }

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
  const missing = objectsInState(database, "ready").filter(
    ({ object_id: objectId }) => !present.has(objectId),
  );
  const report = { removed, quarantined: strangers.size, missing: missing.length };
  if (report.missing > 0) logger.error("objects of the registry are missing in the store", report);
  else if (report.removed + report.quarantined > 0) logger.warn("the store was swept", report);
  return report;
}
