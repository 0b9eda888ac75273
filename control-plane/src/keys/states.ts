/**
 * State × action: what each state of a CMK permits (contract §3.1). One row per action, one cell per state: where the
 * key goes, or the code the caller is told. Actions that a later issue adds are further rows.
 */

import { ApiError, type ErrorCode } from "@edge-kms/protocol";
import type { KeyState } from "../db/queries/keys.ts";

/** `stay`: permitted, the state does not change. */
type Cell = "stay" | { readonly to: KeyState } | { readonly error: ErrorCode };

const stay = "stay";
const to = (state: KeyState): Cell => ({ to: state });
const refuse = (error: ErrorCode): Cell => ({ error });

const stateNotSupported = refuse("ResourceUnavailable.CmkStateNotSupport");
const disabled = refuse("ResourceUnavailable.CmkDisabled");

export const stateTable = {
  /** Describe*, List*: every state that users see. */
  describe: {
    Enabled: stay,
    Disabled: stay,
    PendingImport: stay,
    PendingDelete: stay,
    Archived: stay,
  },
  /** UpdateAlias, UpdateKeyDescription. */
  rename: {
    Enabled: stay,
    Disabled: stay,
    PendingImport: stay,
    PendingDelete: stateNotSupported,
    Archived: stay,
  },
  /** A repeated EnableKey succeeds: the Terraform provider calls it on every update without looking. */
  enable: {
    Enabled: stay,
    Disabled: to("Enabled"),
    PendingImport: stateNotSupported,
    PendingDelete: stateNotSupported,
    Archived: stateNotSupported,
  },
  disable: {
    Enabled: to("Disabled"),
    Disabled: stay,
    PendingImport: stateNotSupported,
    PendingDelete: stateNotSupported,
    Archived: stateNotSupported,
  },
  /** Encrypt, GenerateDataKey, the destination of ReEncrypt. */
  encrypt: {
    Enabled: stay,
    Disabled: disabled,
    PendingImport: stateNotSupported,
    PendingDelete: refuse("ResourceUnavailable.KeyPendingDelete"),
    Archived: refuse("ResourceUnavailable.CmkArchived"),
  },
  /** Decrypt, the source of ReEncrypt. */
  decrypt: {
    Enabled: stay,
    Disabled: disabled,
    PendingImport: stateNotSupported,
    PendingDelete: disabled,
    Archived: stay,
  },
} as const satisfies Record<string, Record<KeyState, Cell>>;

export type KeyAction = keyof typeof stateTable;

/** The state after the action, or the refusal. */
export function transition(
  state: KeyState,
  action: KeyAction,
):
  | { readonly ok: true; readonly state: KeyState }
  | { readonly ok: false; readonly error: ErrorCode } {
  const cell: Cell = stateTable[action][state];
  if (cell === stay) return { ok: true, state };
  return "to" in cell ? { ok: true, state: cell.to } : { ok: false, error: cell.error };
}

/** As {@link transition}, with the refusal thrown as an ApiError. */
export function nextState(state: KeyState, action: KeyAction): KeyState {
  const result = transition(state, action);
  if (!result.ok) throw new ApiError(result.error);
  return result.state;
}

/** States that ListKeys shows (contract §2.3). */
export const listedStates: readonly KeyState[] = ["Enabled", "Disabled", "PendingImport"];

/** ListKeyDetail's numbers for states; 0 is all. */
export const stateNumbers: readonly (KeyState | null)[] = [
  null,
  "Enabled",
  "Disabled",
  "PendingDelete",
  "PendingImport",
  "Archived",
];
