/** Changing hosted data keys, all or none, with the call's event in the same transaction. */

import { ApiError } from "@edge-kms/protocol";
import type { Call } from "../actions/call.ts";
import type { Queryable } from "../db/index.ts";
import { DatabaseError } from "../db/index.ts";
import {
  type DataKey,
  dataKeyNameConstraint,
  lockDataKeys,
  updateDataKey,
} from "../db/queries/data-keys.ts";
import { type DataKeyAction, nextDataKeyState, requireUsableKey } from "./states.ts";

/** The data keys, locked, in the order asked for. @throws ApiError DataKeyNotFound unless all are there. */
export async function requireDataKeys(
  tx: Queryable,
  call: Call,
  dataKeyIds: readonly string[],
): Promise<DataKey[]> {
  const byId = new Map(
    (await lockDataKeys(tx, call.scope, dataKeyIds)).map((row) => [row.dataKeyId, row]),
  );
  return dataKeyIds.map((id) => {
    const row = byId.get(id);
    if (row === undefined) throw new ApiError("ResourceUnavailable.DataKeyNotFound");
    return row;
  });
}

/** Moves data keys to the state that the action leads to. */
export async function changeDataKeys(
  call: Call,
  dataKeyIds: readonly string[],
  action: DataKeyAction,
): Promise<void> {
  await call.change(async (tx) => {
    const rows = await requireDataKeys(tx, call, dataKeyIds);
    const changes = rows.map((row) => ({ row, state: nextDataKeyState(row, action) }));
    if (action === "enable") for (const { row } of changes) requireUsableKey(row, call.nowMs);
    for (const { row, state } of changes) {
      if (state !== row.state) await updateDataKey(tx, row, { state });
    }
  });
}

/** The unique index decides between callers who want one name at the same time. */
export function toNameError(error: unknown): unknown {
  const isTaken =
    error instanceof DatabaseError &&
    error.kind === "unique-violation" &&
    error.constraint === dataKeyNameConstraint;
  return isTaken ? new ApiError("InvalidParameterValue.DataKeyNameAlreadyExists") : error;
}
