/**
 * Imported material in two places at once, database and HSM. One step per key at a time, claimed in the key's row:
 *
 *     import:           1. claimed   2. the bridge takes the material in   3. the state changes, with the event, committed
 *     delete, expiry:   1. claimed   2. the bridge destroys it (idempotent)   3. the state changes, committed
 *
 * Who dies in between leaves a claim that runs out, and so does an import whose outcome is not known. A deletion is then carried
 * through. An import was never acknowledged: into a key without material it is undone, by a deletion, for the bridge may have taken in
 * what the row knows nothing of, not even when it expires; into a key that has its material it changed nothing, and is forgotten.
 */

import { keyStates } from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { BridgeError } from "../bridge/errors.ts";
import type { Database } from "../db/index.ts";
import {
  claimDueMaterial,
  type DueMaterialStep,
  endMaterialStep,
  finishMaterialDeletion,
} from "../db/queries/key-material.ts";
import type { KeyState } from "../db/queries/keys.ts";
import { describeError, type Log } from "../log.ts";
import { nextState } from "./states.ts";

/** How long a claim holds; longer than two bridge calls with their deadlines. */
export const materialStepMs = 60_000;

const batch = 20;

/** States in which a key loses its material and waits for it again. */
export const expirableStates: readonly KeyState[] = keyStates.filter(
  (state) => nextState({ state, owner: "user" }, "expireMaterial") !== state,
);

interface MaterialServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
}

/** Steps 2 and 3 of a deletion that nobody waits for, or what is left to do of an import. */
async function carryThrough(
  { database, bridge }: MaterialServices,
  step: DueMaterialStep,
): Promise<void> {
  if (step.kind === "import" && step.hasMaterial) {
    await database.transaction((tx) => endMaterialStep(tx, step));
    return;
  }
  const { account, region, keyId } = step;
  try {
    await bridge.call("deleteMaterial", { account, region, keyId });
  } catch (error) {
    // An operator destroyed the whole key.
    if (!(error instanceof BridgeError) || error.code !== "destroyed") throw error;
  }
  await database.transaction((tx) => finishMaterialDeletion(tx, step, expirableStates));
}

/** Ends material whose ValidTo has passed, and steps whose makers are gone. What fails is tried again later. */
export async function endDueMaterial(
  services: MaterialServices,
  nowMs: number,
  log: Log,
): Promise<void> {
  for (;;) {
    const due = await services.database.transaction((tx) =>
      claimDueMaterial(tx, nowMs, nowMs + materialStepMs, batch, expirableStates),
    );
    for (const step of due) {
      try {
        await carryThrough(services, step);
        log.info(`key material ${step.kind} settled`, { keyId: step.keyId });
      } catch (error) {
        log.warn("key material not settled", { keyId: step.keyId, ...describeError(error) });
      }
    }
    if (due.length < batch) return;
  }
}
