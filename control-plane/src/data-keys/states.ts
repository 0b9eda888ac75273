/** State × action of hosted data keys (contract §3.9): where the data key goes, or the code the caller is told. */

import { ApiError, type ErrorCode } from "@edge-kms/protocol";
import type { DataKey, DataKeyState } from "../db/queries/data-keys.ts";
import { stateAt } from "../keys/states.ts";

type Cell = "stay" | { readonly to: DataKeyState } | { readonly error: ErrorCode };

const stay = "stay";
const to = (state: DataKeyState): Cell => ({ to: state });
const refuse = (error: ErrorCode): Cell => ({ error });
const notSupported = refuse("ResourceUnavailable.DataKeyStateNotSupport");
const notPendingDelete = refuse("ResourceUnavailable.DataKeyNotPendingDelete");

export const dataKeyTable = {
  rename: { Enabled: stay, Disabled: stay, PendingDelete: notSupported },
  /** Repeating it succeeds, as with CMKs. */
  enable: { Enabled: stay, Disabled: to("Enabled"), PendingDelete: notSupported },
  disable: { Enabled: to("Disabled"), Disabled: stay, PendingDelete: notSupported },
  /** Disabled first, as with CMKs. */
  scheduleDeletion: {
    Enabled: notSupported,
    Disabled: to("PendingDelete"),
    PendingDelete: notSupported,
  },
  cancelDeletion: {
    Enabled: notPendingDelete,
    Disabled: notPendingDelete,
    PendingDelete: to("Disabled"),
  },
  /** GetDataKeyPlaintext. */
  read: {
    Enabled: stay,
    Disabled: refuse("ResourceUnavailable.DataKeyDisabled"),
    PendingDelete: refuse("ResourceUnavailable.DataKeyPendingDelete"),
  },
  /** GetDataKeyCiphertextBlob: a disabled one is to be had in no form. */
  readCiphertext: { Enabled: stay, Disabled: notSupported, PendingDelete: notSupported },
} as const satisfies Record<string, Record<DataKeyState, Cell>>;

export type DataKeyAction = keyof typeof dataKeyTable;

/** The state after the action. @throws ApiError where the table refuses it. */
export function nextDataKeyState(
  { state }: Pick<DataKey, "state">,
  action: DataKeyAction,
): DataKeyState {
  const cell: Cell = dataKeyTable[action][state];
  if (cell === stay) return state;
  if ("to" in cell) return cell.to;
  throw new ApiError(cell.error);
}

/** EnableDataKey and CancelDataKeyDeletion: of no use without a CMK that opens it. @throws ApiError */
export function requireUsableKey(
  { keyState, keyValidToMs }: Pick<DataKey, "keyState" | "keyValidToMs">,
  nowMs: number,
): void {
  if (keyState === "Deleted") throw new ApiError("ResourceUnavailable.CmkNotFound");
  const state = stateAt({ state: keyState, validToMs: keyValidToMs }, nowMs);
  const isUsable = state === "Enabled" || state === "Disabled" || state === "Archived";
  if (!isUsable) throw new ApiError("ResourceUnavailable.CmkStateNotSupport");
}
