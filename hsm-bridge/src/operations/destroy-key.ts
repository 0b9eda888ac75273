/** Destroys a key's versions and branch keys, on or after the bridge's own date. Repeating it answers the same. */

import { destroyed } from "../branch-keys.ts";
import type { Operation } from "../bridge.ts";
import { frozen } from "../edge-request.ts";
import { BridgeError } from "../errors.ts";
import { isFrozen } from "../registry/freezes.ts";
import { countBranches, setKeyState, versionsOf } from "../registry/keys.ts";
import { destroyKeyObjects } from "./destroy-key-objects.ts";
import { requireNamedKey } from "./find-named-key.ts";

export const destroyKey: Operation<"destroyKey"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database } = bridge;
    const key = requireNamedKey(bridge, request);
    if (key.state === "abandoned") throw destroyed();
    if (key.state === "destroyed") {
      return {
        versions: versionsOf(database, key.keyId).length,
        branches: countBranches(database, key.keyId),
      };
    }
    if (key.state === "active") {
      if (key.destroyNotBeforeMs === null) {
        throw new BridgeError("conflict", "No destruction of the key is scheduled.");
      }
      if (bridge.clock() < key.destroyNotBeforeMs) {
        throw new BridgeError("too-early", "The date of destruction has not come.");
      }
      // A freeze says that the control plane may not be trusted just now: nothing irreversible on its word.
      if (role === "control-plane") {
        if (isFrozen(database, "key", key.keyId)) throw frozen("key");
        if (isFrozen(database, "account", key.account)) throw frozen("account");
      }
      await database.commit(() => setKeyState(database, key.keyId, "destroying", null));
    }
    return destroyKeyObjects(bridge, key.keyId, "destroyed", role);
  });
