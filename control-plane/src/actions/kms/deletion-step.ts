/** A state change that the bridge must have recorded before it is acknowledged. `keys/deletion.ts` has the order of events. */

import { ApiError } from "@edge-kms/protocol";
import { toManagementError } from "../../bridge/errors.ts";
import type { Queryable } from "../../db/index.ts";
import { raiseEpoch } from "../../db/queries/accounts.ts";
import { boundKeys } from "../../db/queries/cloud-bindings.ts";
import type { DeletionStep } from "../../db/queries/key-deletion.ts";
import { type Key, type KeyState, updateKey } from "../../db/queries/keys.ts";
import { deletionStepMs, settleDeletion } from "../../keys/deletion.ts";
import { type KeyAction, nextState } from "../../keys/states.ts";
import type { Call } from "../call.ts";
import { requireKey } from "./find.ts";
import { refuseWhileMaterialGoes } from "./material-step.ts";

/**
 * @param atBridge what the bridge is asked; returns the date that it has recorded, or null for none.
 * @returns that date.
 */
export async function changeWithBridge(
  call: Call,
  keyId: string,
  action: KeyAction,
  atBridge: (name: { account: string; region: string; keyId: string }) => Promise<number | null>,
): Promise<number | null> {
  const { services, nowMs, scope } = call;
  const step: DeletionStep = { ...scope, keyId, untilMs: nowMs + deletionStepMs };
  await call.prepare(async (tx) => {
    const { key } = await check(tx, call, keyId, action);
    // Another step is at the bridge, or failed and is not settled yet.
    if (key.deletionStepUntilMs !== null && key.deletionStepUntilMs >= nowMs) throw busy();
    await updateKey(tx, key, { deletionStepUntilMs: step.untilMs });
  });
  try {
    const deletionAtMs = await atBridge({ ...scope, keyId });
    await call.change(async (tx) => {
      const { key, state } = await check(tx, call, keyId, action);
      if (key.deletionStepUntilMs !== step.untilMs) throw busy();
      await updateKey(tx, key, { state, deletionAtMs, deletionStepUntilMs: null });
      await raiseEpoch(tx, key.account);
    });
    return deletionAtMs;
  } catch (error) {
    services.background("settle key deletion", () => settleDeletion(services, step, nowMs));
    throw toManagementError(error);
  }
}

async function check(
  tx: Queryable,
  call: Call,
  keyId: string,
  action: KeyAction,
): Promise<{ key: Key; state: KeyState }> {
  const key = await requireKey(tx, call, keyId);
  const isBound = (await boundKeys(tx, [keyId])).has(keyId);
  const state = nextState({ ...key, isBound }, action);
  refuseWhileMaterialGoes(key, { ...key, isBound, state });
  return { key, state };
}

function busy(): ApiError {
  return new ApiError("UnsupportedOperation.ServiceTemporaryUnavailable", {
    message: "Another change of this key's deletion is under way.",
  });
}
