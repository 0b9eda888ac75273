/**
 * Destroys imported material at once: whoever imported it has it. Wrapped branch keys stay; the same material, imported again, opens
 * them. Repeating it is harmless, and the next start finishes what a crash cut off.
 */

import type { Operation } from "../bridge.ts";
import { versionsOf } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { findObject, setObjectState } from "../registry/objects.ts";
import { requireExternalKey } from "./require-external-key.ts";

export const deleteMaterial: Operation<"deleteMaterial"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const key = requireExternalKey(bridge, request);
    for (const { objectId, version } of versionsOf(database, key.keyId)) {
      const state = findObject(database, objectId)?.state;
      if (state !== "ready" && state !== "destroying") continue;
      await database.commit(() => {
        setObjectState(database, objectId, "destroying");
        appendLog(database, bridge.clock(), "material-deleted", role, {
          account: key.account,
          region: key.region,
          keyId: key.keyId,
          version,
        });
      });
      await store.destroyKey(objectId);
      await database.commit(() => setObjectState(database, objectId, "destroyed"));
    }
    return {};
  });
