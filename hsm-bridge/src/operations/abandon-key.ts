/**
 * Gives up a key whose creation was never acknowledged. Refused once a branch key exists or a private key was used: there may be
 * ciphertext, or signatures. A key the bridge never made is noted as given up, so that a creation still on its way comes too late.
 */

import type { Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { countBranches, findKey, insertKey, setKeyState } from "../registry/keys.ts";
import { findPair, isPairUsed } from "../registry/pairs.ts";
import { destroyKeyObjects } from "./destroy-key-objects.ts";
import { findNamedKey } from "./find-named-key.ts";

/**
 * What was encrypted to a public key is not known here: after so long a pair is taken for one that is in use. A creation has a minute
 * (control plane, `keys/creation.ts`); the rest is for a bridge or control plane that has to be started again.
 */
const PAIR_ABANDONED_WITHIN_MS = 600_000;

export const abandonKey: Operation<"abandonKey"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database } = bridge;
    const key = findNamedKey(bridge, request);
    if (key === null) {
      if (findKey(database, request.keyId) !== null) {
        throw new BridgeError("not-found", "The bridge has no such key.");
      }
      const nowMs = bridge.clock();
      await database.commit(() => insertKey(database, request, null, "abandoned", nowMs));
      return {};
    }
    if (key.state === "abandoned") return {};
    const isOldPair =
      findPair(database, key.keyId) !== null &&
      bridge.clock() - key.createdAtMs > PAIR_ABANDONED_WITHIN_MS;
    await database.commit(() => {
      // Operations hold no lock: one may have come while the commit waited.
      const isUsed =
        countBranches(database, key.keyId) > 0 || isPairUsed(database, key.keyId) || isOldPair;
      if (key.state === "destroyed" || isUsed) {
        throw new BridgeError("conflict", "The key is in use: only its destruction can end it.");
      }
      setKeyState(database, key.keyId, "destroying", null);
    });
    await destroyKeyObjects(bridge, key.keyId, "abandoned", role);
    return {};
  });
