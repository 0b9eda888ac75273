/** What an operator has stopped: no lease for that edge, key or account until it is lifted. */

import type { BridgeResponse } from "@edge-kms/protocol";
import type { Database } from "./database.ts";
import { readMetaText, writeMeta } from "./meta.ts";

export type Freeze = BridgeResponse<"listFreezes">["freezes"][number];
export type FreezeKind = Freeze["kind"];

export function isFrozen(database: Database, kind: FreezeKind, id: string): boolean {
  return database.get("SELECT 1 FROM freezes WHERE kind = ? AND id = ?", kind, id) !== null;
}

export function listFreezes(database: Database): Freeze[] {
  return database.all<Freeze>(
    "SELECT kind, id, reason, frozen_at_ms AS frozenAtMs FROM freezes ORDER BY kind, id",
  );
}

/** The number of freezes, unfreezes and changed ceilings so far: whoever knows it knows whether anything was done since. */
export function freezesRevision(database: Database): number {
  return Number(readMetaText(database, "freezes-revision") ?? 0);
}

/** Only inside a commit, with a change that must end leases. */
export function countChange(database: Database): void {
  const next = String(freezesRevision(database) + 1);
  writeMeta(database, "freezes-revision", Buffer.from(next, "utf8"));
}

/** False when it was frozen already; the first reason stays. Only inside a commit. */
export function insertFreeze(database: Database, freeze: Freeze): boolean {
  const isNew =
    database.run(
      "INSERT INTO freezes (kind, id, reason, frozen_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      freeze.kind,
      freeze.id,
      freeze.reason,
      freeze.frozenAtMs,
    ) > 0;
  if (isNew) countChange(database);
  return isNew;
}

/** False when it was not frozen. Only inside a commit. */
export function deleteFreeze(database: Database, kind: FreezeKind, id: string): boolean {
  const wasFrozen = database.run("DELETE FROM freezes WHERE kind = ? AND id = ?", kind, id) > 0;
  if (wasFrozen) countChange(database);
  return wasFrozen;
}
