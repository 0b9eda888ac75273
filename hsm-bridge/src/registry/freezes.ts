/** What an operator has stopped: no lease for that edge, key or account until it is lifted. */

import type { BridgeResponse } from "@edge-kms/protocol";
import type { Database } from "./database.ts";

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

/** False when it was frozen already; the first reason stays. Only inside a commit. */
export function insertFreeze(database: Database, freeze: Freeze): boolean {
  return (
    database.run(
      "INSERT INTO freezes (kind, id, reason, frozen_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      freeze.kind,
      freeze.id,
      freeze.reason,
      freeze.frozenAtMs,
    ) > 0
  );
}

/** False when it was not frozen. Only inside a commit. */
export function deleteFreeze(database: Database, kind: FreezeKind, id: string): boolean {
  return database.run("DELETE FROM freezes WHERE kind = ? AND id = ?", kind, id) > 0;
}
