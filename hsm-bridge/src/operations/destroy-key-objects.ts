/**
 * Ends a key: first the decision is written down, then its store objects go, then the registry says so. A crash between
 * leaves `destroying`, which the next start finishes.
 */

import type { BridgeRole } from "@edge-kms/protocol";
import type { Bridge } from "../bridge.ts";
import { importPairsOf, removeImportPair } from "../registry/imports.ts";
import { countBranches, eraseBranches, setKeyState, versionsOf } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { setObjectState } from "../registry/objects.ts";
import { erasePair } from "../registry/pairs.ts";

/** The key's row must be in state `destroying`. Repeating it is harmless. */
export async function destroyKeyObjects(
  bridge: Pick<Bridge, "database" | "store" | "clock">,
  keyId: string,
  end: "destroyed" | "abandoned",
  role: BridgeRole | "bridge",
): Promise<{ versions: number; branches: number }> {
  const { database, store } = bridge;
  const versions = versionsOf(database, keyId);
  const branches = countBranches(database, keyId);
  const importPairs = importPairsOf(database, keyId);
  for (const { objectId } of [...versions, ...importPairs]) await store.destroyKey(objectId);
  const nowMs = bridge.clock();
  await database.commit(() => {
    for (const { objectId } of [...versions, ...importPairs]) {
      setObjectState(database, objectId, "destroyed");
    }
    for (const { importId } of importPairs) removeImportPair(database, importId);
    eraseBranches(database, keyId);
    erasePair(database, keyId);
    setKeyState(database, keyId, end, nowMs);
    appendLog(database, nowMs, end === "destroyed" ? "key-destroyed" : "key-abandoned", role, {
      keyId,
      versions: versions.length,
      branches,
    });
  });
  return { versions: versions.length, branches };
}
