/** Freezing and unfreezing an edge, a key or an account: operators only. Unknown ids may be frozen ahead. */

import type { Operation } from "../bridge.ts";
import { BridgeError } from "../errors.ts";
import {
  deleteFreeze,
  type FreezeKind,
  freezesRevision,
  insertFreeze,
  listFreezes as readFreezes,
} from "../registry/freezes.ts";
import { appendLog } from "../registry/log.ts";

/** The forms of protocol's `edgeId`, `keyId` and `accountId`: a mistyped id would freeze nothing, silently. */
const idForms: Readonly<Record<FreezeKind, RegExp>> = {
  edge: /^[a-z0-9][a-z0-9-]{0,62}$/,
  key: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  account: /^[1-9][0-9]{0,18}$/,
};

export const freeze: Operation<"freeze"> = async (bridge, { kind, id, reason }, { role }) => {
  checkId(kind, id);
  const frozenAtMs = bridge.clock();
  await bridge.database.commit(() => {
    if (insertFreeze(bridge.database, { kind, id, reason, frozenAtMs })) {
      appendLog(bridge.database, frozenAtMs, "frozen", role, { kind, id, reason });
    }
  });
  return {};
};

export const unfreeze: Operation<"unfreeze"> = async (bridge, { kind, id }, { role }) => {
  checkId(kind, id);
  const nowMs = bridge.clock();
  await bridge.database.commit(() => {
    if (!deleteFreeze(bridge.database, kind, id)) {
      throw new BridgeError("not-found", `The ${kind} is not frozen.`);
    }
    appendLog(bridge.database, nowMs, "unfrozen", role, { kind, id });
  });
  return {};
};

export const listFreezes: Operation<"listFreezes"> = (bridge) => ({
  revision: freezesRevision(bridge.database),
  freezes: readFreezes(bridge.database).map(({ kind, id, reason, frozenAtMs }) => ({
    kind,
    id,
    reason,
    frozenAtMs,
  })),
});

function checkId(kind: FreezeKind, id: string): void {
  if (!idForms[kind].test(id)) {
    throw new BridgeError("bad-request", `The id has not the form of the id of ${kind}s.`);
  }
}
