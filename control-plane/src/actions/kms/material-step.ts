/** A change of imported material that the bridge must have made before it is acknowledged. `keys/material.ts` has the order of events. */

import { ApiError } from "@edge-kms/protocol";
import { BridgeError, toManagementError } from "../../bridge/errors.ts";
import type { Queryable } from "../../db/index.ts";
import { boundKeys } from "../../db/queries/cloud-bindings.ts";
import {
  endMaterialStep,
  hasMaterialStep,
  type MaterialStep,
} from "../../db/queries/key-material.ts";
import { type Key, type KeyState, updateKey } from "../../db/queries/keys.ts";
import { materialStepMs } from "../../keys/material.ts";
import { type KeySituation, nextState, transition } from "../../keys/states.ts";
import type { Call } from "../call.ts";
import { requireKey } from "./find.ts";

const actions = { import: "importMaterial", delete: "deleteMaterial" } as const;

/**
 * @param atBridge what the bridge is asked.
 * @param finish what becomes of the row, in the transaction of the event.
 */
export async function changeMaterial(
  call: Call,
  keyId: string,
  kind: MaterialStep["kind"],
  atBridge: (name: { account: string; region: string; keyId: string }) => Promise<unknown>,
  finish: (tx: Queryable, key: Key, state: KeyState, step: MaterialStep) => Promise<void>,
): Promise<void> {
  const { services, nowMs, scope } = call;
  const step: MaterialStep = { ...scope, keyId, kind, untilMs: nowMs + materialStepMs };
  const hadMaterial = await call.prepare(async (tx) => {
    const { key } = await check(tx, call, keyId, kind);
    if (hasMaterialStep(key)) throw busy();
    await updateKey(tx, key, { materialStep: kind, materialStepUntilMs: step.untilMs });
    return key.hasMaterial;
  });
  try {
    await atBridge({ ...scope, keyId });
    await call.change(async (tx) => {
      const { key, state } = await check(tx, call, keyId, kind);
      if (key.materialStepUntilMs !== step.untilMs) throw busy();
      await finish(tx, key, state, step);
    });
  } catch (error) {
    // What may have been destroyed, or taken in, is settled when the claim has run out; anything else is as it was.
    const isUncertain = !(error instanceof BridgeError) || error.code === "no-answer";
    const isHarmless = kind === "import" && hadMaterial;
    if (!isUncertain || isHarmless) {
      await services.database.transaction((tx) => endMaterialStep(tx, step)).catch(() => {});
    }
    throw toManagementError(error);
  }
}

/**
 * Of a change that leads where material is not deleted, while a deletion is at the bridge: the material may be gone already, so the key
 * must stay where its end is PendingImport. EnableKey and DisableKey go on: who takes a key out of use is not to wait for an HSM.
 *
 * @param after what the key would be.
 */
export function refuseWhileMaterialGoes(key: Key, after: KeySituation): void {
  if (key.materialStep === "delete" && !transition(after, "deleteMaterial").ok) throw busy();
}

/** The key, locked, when it is one for imported material and its state permits the change. */
async function check(
  tx: Queryable,
  call: Call,
  keyId: string,
  kind: MaterialStep["kind"],
): Promise<{ key: Key; state: KeyState }> {
  const key = await requireKey(tx, call, keyId);
  if (key.origin !== "EXTERNAL") throw new ApiError("UnsupportedOperation.NotExternalCmk");
  const isBound = (await boundKeys(tx, [keyId])).has(keyId);
  return { key, state: nextState({ ...key, isBound }, actions[kind]) };
}

function busy(): ApiError {
  return new ApiError("UnsupportedOperation.ServiceTemporaryUnavailable", {
    message: "Another change of this key's material is under way.",
  });
}
