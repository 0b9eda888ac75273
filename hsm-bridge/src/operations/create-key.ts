/** Makes version 1 of a symmetric key, in two phases; the same call again answers the same. */

import { destroyed } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { findKey, insertKey, insertVersion, type KeyRow } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { createObject } from "../registry/objects.ts";

export const createKey: Operation<"createKey"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const existing = findKey(database, request.keyId);
    if (existing !== null) return repeat(bridge, existing, request);
    const nowMs = bridge.clock();
    await createObject(database, store, "key-version", nowMs, (objectId) => {
      insertKey(database, request, request.suite, "active", nowMs);
      insertVersion(database, request.keyId, 1, objectId, nowMs);
      appendLog(database, nowMs, "key-created", role, {
        account: request.account,
        region: request.region,
        keyId: request.keyId,
        version: 1,
        suite: request.suite,
        store: store.kind,
      });
    });
    return { version: 1, createdAtMs: nowMs, store: store.kind };
  });

function repeat(
  bridge: Bridge,
  key: KeyRow,
  request: { account: string; region: string; suite: number },
) {
  if (
    key.account !== request.account ||
    key.region !== request.region ||
    key.origin !== "made" ||
    // One that was given up before it was made has no suite; nor has a pair.
    (key.suite !== request.suite && (key.suite !== null || key.state === "active"))
  ) {
    throw new BridgeError("conflict", "The key id is in use for another key.");
  }
  if (key.state !== "active") throw destroyed();
  return { version: 1, createdAtMs: key.createdAtMs, store: bridge.store.kind };
}
