/**
 * State × action: what each state of a CMK permits (contract §3.1). One row per action, one cell per state: where the key
 * goes, or the code the caller is told. Beside them what is told of keys that a cloud product made, which can be
 * listed, described and rotated and nothing else, and of keys that one uses. Actions that a later issue adds are further rows.
 */

import { ApiError, type ErrorCode } from "@edge-kms/protocol";
import type { KeyState } from "../db/queries/keys.ts";

/** `stay`: permitted, the state does not change. */
type Cell = "stay" | { readonly to: KeyState } | { readonly error: ErrorCode };

interface Row {
  readonly states: Readonly<Record<KeyState, Cell>>;
  /** For keys whose owner is not `user`: refused, whatever the state. Null: as other keys. */
  readonly productMade: ErrorCode | null;
  /** For keys with a cloud product's binding: refused, whatever the state. Null: as other keys. */
  readonly bound: ErrorCode | null;
}

const stay = "stay";
const to = (state: KeyState): Cell => ({ to: state });
const refuse = (error: ErrorCode): Cell => ({ error });

const stateNotSupported = refuse("ResourceUnavailable.CmkStateNotSupport");
const disabled = refuse("ResourceUnavailable.CmkDisabled");
const notPendingDelete = refuse("ResourceUnavailable.CmkNotPendingDelete");
const usedByProduct = "FailedOperation.CmkUsedByCloudProduct";
const notUserMade = "UnsupportedOperation.NotUserCreatedCmk";

/** The same cell in every state but some. */
const everywhere = (cell: Cell, but: Partial<Record<KeyState, Cell>> = {}): Row["states"] => ({
  Enabled: cell,
  Disabled: cell,
  PendingImport: cell,
  PendingDelete: cell,
  Archived: cell,
  ...but,
});

export const stateTable = {
  /** Describe*, List*, GetKeyRotationStatus: every state that users see. */
  describe: { states: everywhere(stay), productMade: null, bound: null },
  /** UpdateAlias, UpdateKeyDescription. */
  rename: {
    states: everywhere(stay, { PendingDelete: stateNotSupported }),
    productMade: notUserMade,
    bound: null,
  },
  /** A repeated EnableKey succeeds: the Terraform provider calls it on every update without looking. */
  enable: {
    states: everywhere(stateNotSupported, { Enabled: stay, Disabled: to("Enabled") }),
    productMade: notUserMade,
    bound: null,
  },
  disable: {
    states: everywhere(stateNotSupported, { Enabled: to("Disabled"), Disabled: stay }),
    productMade: usedByProduct,
    bound: usedByProduct,
  },
  /** Encrypt, GenerateDataKey, the destination of ReEncrypt. */
  encrypt: {
    states: {
      Enabled: stay,
      Disabled: disabled,
      PendingImport: stateNotSupported,
      PendingDelete: refuse("ResourceUnavailable.KeyPendingDelete"),
      Archived: refuse("ResourceUnavailable.CmkArchived"),
    },
    productMade: "UnauthorizedOperation",
    bound: null,
  },
  /** Decrypt, the source of ReEncrypt. */
  decrypt: {
    states: {
      Enabled: stay,
      Disabled: disabled,
      PendingImport: stateNotSupported,
      PendingDelete: disabled,
      Archived: stay,
    },
    productMade: "UnauthorizedOperation",
    bound: null,
  },
  scheduleDeletion: {
    states: {
      Enabled: refuse("ResourceUnavailable.CmkShouldBeDisabled"),
      Disabled: to("PendingDelete"),
      PendingImport: to("PendingDelete"),
      PendingDelete: stateNotSupported,
      Archived: to("PendingDelete"),
    },
    productMade: usedByProduct,
    bound: usedByProduct,
  },
  cancelDeletion: {
    states: everywhere(notPendingDelete, { PendingDelete: to("Disabled") }),
    productMade: notUserMade,
    bound: null,
  },
  archive: {
    states: everywhere(stateNotSupported, { Enabled: to("Archived"), Disabled: to("Archived") }),
    productMade: notUserMade,
    bound: usedByProduct,
  },
  cancelArchive: {
    states: everywhere(stateNotSupported, { Archived: to("Enabled") }),
    productMade: notUserMade,
    bound: null,
  },
  enableRotation: {
    states: everywhere(stateNotSupported, { Enabled: stay }),
    productMade: null,
    bound: null,
  },
  /** Its list of errors has none for a state. */
  disableRotation: { states: everywhere(stay), productMade: null, bound: null },
  /** RotateKey, and automatic rotation: what is due in another state waits until the key is enabled again. */
  rotate: {
    states: everywhere(stateNotSupported, { Enabled: stay }),
    productMade: null,
    bound: null,
  },
  /** AsymmetricRsaDecrypt, AsymmetricSm2Decrypt, SignByAsymmetricKey, VerifyByAsymmetricKey, GetPublicKey. */
  usePair: {
    states: everywhere(stateNotSupported, { Enabled: stay }),
    productMade: "UnauthorizedOperation",
    bound: null,
  },
  /** GetParametersForImport: of states that ImportKeyMaterial takes. */
  prepareImport: {
    states: everywhere(stateNotSupported, { Enabled: stay, PendingImport: stay }),
    productMade: notUserMade,
    bound: null,
  },
  importMaterial: {
    states: everywhere(stateNotSupported, { Enabled: stay, PendingImport: to("Enabled") }),
    productMade: notUserMade,
    bound: null,
  },
  deleteMaterial: {
    states: everywhere(stateNotSupported, {
      Enabled: to("PendingImport"),
      Disabled: to("PendingImport"),
    }),
    productMade: notUserMade,
    bound: usedByProduct,
  },
  /** ValidTo has passed: whatever users do with the key otherwise. A key that waits for deletion loses its material with the rest. */
  expireMaterial: {
    states: everywhere(stay, {
      Enabled: to("PendingImport"),
      Disabled: to("PendingImport"),
      Archived: to("PendingImport"),
    }),
    productMade: null,
    bound: null,
  },
  /** Only a key that is in use gets a user. */
  bind: {
    states: everywhere(stateNotSupported, { Enabled: stay }),
    productMade: notUserMade,
    bound: null,
  },
  /** Its list of errors has none for a state. */
  unbind: { states: everywhere(stay), productMade: notUserMade, bound: null },
} as const satisfies Record<string, Row>;

export type KeyAction = keyof typeof stateTable;

/** What the table looks at. Whether a key is bound matters only to rows that refuse it. */
export interface KeySituation {
  readonly state: KeyState;
  readonly owner: string;
  readonly isBound?: boolean;
  /** False for an EXTERNAL key without its material. */
  readonly hasMaterial?: boolean;
}

/** The state after the action, or the refusal. */
export function transition(
  { state, owner, isBound = false, hasMaterial = true }: KeySituation,
  action: KeyAction,
):
  | { readonly ok: true; readonly state: KeyState }
  | { readonly ok: false; readonly error: ErrorCode } {
  const row: Row = stateTable[action];
  if (owner !== "user" && row.productMade !== null) return { ok: false, error: row.productMade };
  if (isBound && row.bound !== null) return { ok: false, error: row.bound };
  const cell = row.states[state];
  if (cell === stay) return { ok: true, state };
  if ("error" in cell) return { ok: false, error: cell.error };
  // Taken back without material, a key waits for it as before.
  const isWaiting = action === "cancelDeletion" && !hasMaterial;
  return { ok: true, state: isWaiting ? "PendingImport" : cell.to };
}

/** As {@link transition}, with the refusal thrown as an ApiError. */
export function nextState(key: KeySituation, action: KeyAction): KeyState {
  const result = transition(key, action);
  if (!result.ok) throw new ApiError(result.error);
  return result.state;
}

/** The state of a key at a time: it waits for material from the moment of `ValidTo` on, though nobody has come to write that down. */
export function stateAt(
  { state, validToMs }: { readonly state: KeyState; readonly validToMs: number | null },
  nowMs: number,
): KeyState {
  const isOver = validToMs !== null && validToMs <= nowMs;
  return isOver ? nextState({ state, owner: "user" }, "expireMaterial") : state;
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
