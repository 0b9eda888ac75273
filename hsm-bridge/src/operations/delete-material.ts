/**
 * Destroys imported material at once: whoever imported it has it. Wrapped branch keys stay; the same material, imported again, opens
 * them. The pairs for its import end in the same commit: an import that somebody kept and plays again undoes no deletion. Repeating
 * it is harmless, and what a crash or the store cut off is finished by the upkeep.
 */

import type { Operation } from "../bridge.ts";
import { decideEndOfPair, destroyPairObject } from "../imports/import-pairs.ts";
import { importPairsOf } from "../registry/imports.ts";
import { versionsOf } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { findObject, finishDestruction, setObjectState } from "../registry/objects.ts";
import { requireExternalKey } from "./require-external-key.ts";

export const deleteMaterial: Operation<"deleteMaterial"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const key = requireExternalKey(bridge, request);
    const pairs = importPairsOf(database, key.keyId);
    const versions = versionsOf(database, key.keyId).filter(({ objectId }) => {
      const state = findObject(database, objectId)?.state;
      return state === "ready" || state === "destroying";
    });
    await database.commit(() => {
      for (const row of pairs) decideEndOfPair(database, row);
      for (const { objectId, version } of versions) {
        setObjectState(database, objectId, "destroying");
        appendLog(database, bridge.clock(), "material-deleted", role, {
          account: key.account,
          region: key.region,
          keyId: key.keyId,
          version,
        });
      }
    });
    for (const { objectId } of versions) await finishDestruction(database, store, objectId);
    for (const row of pairs) await destroyPairObject(bridge, row);
    return {};
  });
