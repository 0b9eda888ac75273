/**
 * The most that edges may do with a key, in the operators' hands alone: a control plane can ask for less, and one that was
 * broken into cannot have a key leased that an operator keeps in the bridge. Leases that are out end as after a freeze.
 */

import type { Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import { countChange } from "../registry/freezes.ts";
import { findKey, keysWithCeiling, setEdgeModeCeiling as writeCeiling } from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";

export const setEdgeModeCeiling: Operation<"setEdgeModeCeiling"> = async (
  bridge,
  { keyId, ceiling },
  { role },
) => {
  const nowMs = bridge.clock();
  await bridge.database.commit(() => {
    const key = findKey(bridge.database, keyId);
    if (key === null) throw new BridgeError("not-found", "The bridge has no such key.");
    if (key.edgeModeCeiling === ceiling) return;
    writeCeiling(bridge.database, keyId, ceiling);
    countChange(bridge.database);
    appendLog(bridge.database, nowMs, "edge-mode-ceiling-set", role, {
      account: key.account,
      region: key.region,
      keyId,
      ceiling,
      before: key.edgeModeCeiling,
    });
  });
  return {};
};

export const listEdgeModeCeilings: Operation<"listEdgeModeCeilings"> = (bridge) => ({
  ceilings: keysWithCeiling(bridge.database).map(({ keyId, edgeModeCeiling }) => ({
    keyId,
    ceiling: edgeModeCeiling,
  })),
});
