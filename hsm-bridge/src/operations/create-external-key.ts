/** Notes a key whose material will be imported: it has no version until then. The same call again answers the same. */

import { destroyed } from "../branch-keys.ts";
import type { Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { findKey, insertKey } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";

export const createExternalKey: Operation<"createExternalKey"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const { database, store } = bridge;
    const existing = findKey(database, request.keyId);
    if (existing !== null) {
      const { account, region, suite, origin } = existing;
      const isSame =
        account === request.account &&
        region === request.region &&
        (suite === null || suite === request.suite);
      if (!isSame) throw new BridgeError("conflict", "The key id is in use for another key.");
      if (existing.state !== "active") throw destroyed();
      if (origin !== "imported") {
        throw new BridgeError("conflict", "The key id is in use for another key.");
      }
      return { createdAtMs: existing.createdAtMs, store: store.kind };
    }
    const nowMs = bridge.clock();
    await database.commit(() => {
      insertKey(database, request, request.suite, "active", nowMs, "imported");
      appendLog(database, nowMs, "key-created", role, {
        account: request.account,
        region: request.region,
        keyId: request.keyId,
        suite: request.suite,
        origin: "imported",
        store: store.kind,
      });
    });
    return { createdAtMs: nowMs, store: store.kind };
  });
