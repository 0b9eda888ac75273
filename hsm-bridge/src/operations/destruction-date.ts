/** The bridge's own date of a key's destruction, which nobody can bring forward (design P6). */

import { destroyed } from "../branch-keys.ts";
import type { Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { findKey, type KeyRow, setDestructionDate } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { requireNamedKey } from "./find-named-key.ts";

/** Never earlier than so long after the bridge first heard of it: seven days, the contract's shortest window. */
export const MIN_WAITING_MS = 7 * 86_400_000;

export const scheduleDestruction: Operation<"scheduleDestruction"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const key = requireActive(requireNamedKey(bridge, request));
    const nowMs = bridge.clock();
    // A date once recorded has waited its time: it can move later, and a repetition does not restart it.
    const notBeforeMs = Math.max(
      request.notBeforeMs,
      key.destroyNotBeforeMs ?? nowMs + MIN_WAITING_MS,
    );
    if (notBeforeMs === key.destroyNotBeforeMs) return { notBeforeMs };
    await bridge.database.commit(() => {
      requireActive(findKey(bridge.database, key.keyId));
      setDestructionDate(bridge.database, key.keyId, notBeforeMs);
      appendLog(bridge.database, nowMs, "destruction-scheduled", role, {
        account: key.account,
        region: key.region,
        keyId: key.keyId,
        notBeforeMs,
      });
    });
    return { notBeforeMs };
  });

export const cancelDestruction: Operation<"cancelDestruction"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const key = requireActive(requireNamedKey(bridge, request));
    if (key.destroyNotBeforeMs === null) return {};
    const nowMs = bridge.clock();
    await bridge.database.commit(() => {
      requireActive(findKey(bridge.database, key.keyId));
      setDestructionDate(bridge.database, key.keyId, null);
      appendLog(bridge.database, nowMs, "destruction-cancelled", role, {
        account: key.account,
        region: key.region,
        keyId: key.keyId,
      });
    });
    return {};
  });

function requireActive(key: KeyRow | null): KeyRow {
  if (key === null) throw new BridgeError("not-found", "The bridge has no such key.");
  if (key.state !== "active") throw destroyed();
  return key;
}
