/**
 * Makes the next version of a symmetric key, in two phases as version 1. The number that the caller expects makes a repeated
 * call harmless: a key that has reached it gets no other version.
 */

import { destroyed } from "../branch-keys.ts";
import type { Bridge, Operation } from "../bridge.ts";
import { frozen } from "../edge-request.ts";
import { BridgeError } from "../errors.ts";
import { isFrozen } from "../registry/freezes.ts";
import { insertVersion, type KeyName, versionsOf } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { createObject } from "../registry/objects.ts";
import { requireNamedKey } from "./find-named-key.ts";

export const rotateKey: Operation<"rotateKey"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const newest = newestVersion(bridge, request);
    if (newest.version >= request.version) return { ...newest, store: store.kind };
    if (newest.version !== request.version - 1) {
      throw new BridgeError("conflict", "The key has fewer versions than the caller expects.");
    }
    const nowMs = bridge.clock();
    await createObject(database, store, "key-version", nowMs, (objectId) => {
      // A freeze may have come while the store was at work.
      newestVersion(bridge, request);
      insertVersion(database, request.keyId, request.version, objectId, nowMs);
      appendLog(database, nowMs, "key-rotated", role, {
        account: request.account,
        region: request.region,
        keyId: request.keyId,
        version: request.version,
        store: store.kind,
      });
    });
    return { version: request.version, createdAtMs: nowMs, store: store.kind };
  });

/** The version that encrypts, of a key that may be rotated. */
function newestVersion(
  bridge: Bridge,
  name: KeyName,
): { readonly version: number; readonly createdAtMs: number } {
  const key = requireNamedKey(bridge, name);
  if (key.state !== "active") throw destroyed();
  if (isFrozen(bridge.database, "key", key.keyId)) throw frozen("key");
  if (isFrozen(bridge.database, "account", key.account)) throw frozen("account");
  if (key.origin === "imported" || key.suite === null) {
    throw new BridgeError("conflict", "The key has one version only.");
  }
  const newest = versionsOf(bridge.database, key.keyId)[0];
  if (newest === undefined) throw destroyed();
  return { version: newest.version, createdAtMs: newest.createdAtMs };
}
