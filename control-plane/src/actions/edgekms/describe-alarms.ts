/** DescribeAlarms. */

import { edgekmsActions } from "@edge-kms/protocol";
import { listAlarms } from "../../db/queries/alarms.ts";
import { controlAction } from "../action.ts";

export const describeAlarms = controlAction(edgekmsActions.DescribeAlarms, {
  keyIds: (input) => (input.KeyId === "" ? [] : [input.KeyId]),
  async act(call, input) {
    const filter = {
      ...call.scope,
      keyId: input.KeyId === "" ? null : input.KeyId,
      kind: input.Kind === "" ? null : input.Kind,
      fromMs: input.StartTime * 1000,
      untilMs: input.EndTime === 0 ? Number.MAX_SAFE_INTEGER : input.EndTime * 1000,
    };
    const page = { offset: input.Offset, limit: input.Limit };
    const { total, rows } = await call.services.database.read((db) => listAlarms(db, filter, page));
    return {
      TotalCount: total,
      Alarms: rows.map((row) => ({
        AlarmId: row.id,
        Kind: row.kind,
        Time: Math.floor(row.timeMs / 1000),
        KeyId: row.keyId,
        Alias: row.alias,
        DeletionDate: Math.floor(row.deletionAtMs / 1000),
        DaysLeft: row.daysLeft ?? 0,
        Action: row.action,
        Uin: row.uin,
        SecretId: row.secretId,
        SourceAddress: row.sourceAddress,
        CallRequestId: row.requestId,
      })),
    };
  },
});
