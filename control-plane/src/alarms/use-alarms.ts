/**
 * Alarms of attempts to use a key that waits for deletion (console guide G8.4): somebody still depends on it, and it can still
 * be taken back. Read off the records of refused data-plane calls, in the transaction that stores them, so that no attempt that
 * is in the audit log is without its alarm.
 */

import { type AuditEvent, findAction, isKeyId, serviceOfVersion } from "@edge-kms/protocol";
import type { Queryable } from "../db/index.ts";
import { findDoomedKeys, type NewAlarm } from "../db/queries/alarms.ts";
import { raise } from "./raise.ts";

/**
 * Raises one alarm for each attempt among the events and each doomed key that it names, whatever it was refused for: an edge that may not
 * have the key is not told of its state.
 *
 * A record may be late. Whether the key waited for deletion is judged when it arrives, but for a key that is destroyed, where it must be of
 * a time before: an attempt shortly before ScheduleKeyDeletion may raise an alarm, one shortly before CancelKeyDeletion may raise none.
 */
export async function raiseUseAlarms(
  tx: Queryable,
  events: readonly AuditEvent[],
  nowMs: number,
): Promise<void> {
  const attempts = events.filter(isRefusedUse);
  const named = new Set(attempts.flatMap(({ keyIds }) => keyIds).filter(isKeyId));
  const doomed = new Map((await findDoomedKeys(tx, [...named])).map((key) => [key.keyId, key]));
  if (doomed.size === 0) return;
  const rows = attempts.flatMap((event) =>
    [...new Set(event.keyIds)].flatMap((keyId): NewAlarm[] => {
      const key = doomed.get(keyId);
      // A stranger who names the key learns nothing, and does not ring its owner's bell.
      if (key === undefined || key.account !== event.account) return [];
      const { deletedAtMs, ...doomedKey } = key;
      if (deletedAtMs !== null && event.timeMs >= deletedAtMs) return [];
      return [
        {
          ...doomedKey,
          kind: "UseOfKeyPendingDeletion",
          timeMs: event.timeMs,
          requestId: event.requestId,
          action: event.action,
          uin: event.uin,
          secretId: event.secretId,
          sourceAddress: event.sourceAddress,
        },
      ];
    }),
  );
  await raise(tx, rows, nowMs);
}

function isRefusedUse({ errorCode, apiVersion, action }: AuditEvent): boolean {
  if (errorCode === "") return false;
  const service = serviceOfVersion(apiVersion);
  return service !== null && findAction(service, action)?.plane === "data";
}
