/**
 * What audit records tell of the use of keys, for operators: when each CMK was last used, and how many messages were encrypted
 * with each branch key. Counted in the transaction that stores the records, so each record once. The bridge turns branch keys
 * over by a count of its own, of what it permitted.
 */

import { type AuditEvent, findAction, isKeyId, serviceOfVersion } from "@edge-kms/protocol";
import type { Queryable } from "../db/index.ts";
import { accountsOfKeys, addUsage, type BranchUsage } from "../db/queries/key-usage.ts";

/**
 * Counts the answered calls among the events.
 *
 * @param nowMs no use is later than its record's arrival, whatever the edge's clock says.
 */
export async function countUsage(
  tx: Queryable,
  events: readonly AuditEvent[],
  nowMs: number,
): Promise<void> {
  const answered = events.filter(isUse);
  const named = new Set(answered.flatMap(keysOf));
  const accounts = await accountsOfKeys(tx, [...named]);
  const lastUses = new Map<string, number>();
  const branches = new Map<string, BranchUsage>();
  for (const event of answered) {
    // An edge tells of its own accounts only, and only of their keys.
    const isTheirs = (keyId: string): boolean => accounts.get(keyId) === event.account;
    const timeMs = Math.min(event.timeMs, nowMs);
    for (const keyId of keysOf(event).filter(isTheirs)) {
      lastUses.set(keyId, Math.max(lastUses.get(keyId) ?? 0, timeMs));
    }
    for (const { use, keyId, version, branch } of event.uses) {
      if (!isTheirs(keyId)) continue;
      const place = `${keyId}/${version}/${branch}`;
      const before = branches.get(place);
      branches.set(place, {
        keyId,
        version,
        branch,
        messagesEncrypted: (before?.messagesEncrypted ?? 0) + (use === "encrypt" ? 1 : 0),
        lastUsedAtMs: Math.max(before?.lastUsedAtMs ?? 0, timeMs),
      });
    }
  }
  const used = [...lastUses].map(([keyId, lastUsedAtMs]) => ({ keyId, lastUsedAtMs }));
  await addUsage(tx, used, [...branches.values()]);
}

/** An answered call of the data plane. Reading a public key is no use of a key. */
function isUse({ errorCode, apiVersion, action }: AuditEvent): boolean {
  if (errorCode !== "" || action === "GetPublicKey") return false;
  const service = serviceOfVersion(apiVersion);
  return service !== null && findAction(service, action)?.plane === "data";
}

/** More than any call of the data plane names. */
const MAX_KEYS = 4;

function keysOf({ keyIds, uses }: AuditEvent): string[] {
  const named = [...uses.map(({ keyId }) => keyId), ...keyIds.slice(0, MAX_KEYS)];
  return [...new Set(named)].filter(isKeyId);
}
