/** Steps of imported material (`keys/material.ts` has the order of events). The moment until which one is claimed is its name. */

import { and, eq, inArray, isNotNull, isNull, lt, lte, or } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { keys } from "../schema/index.ts";
import { raiseEpoch } from "./accounts.ts";
import type { Key, KeyScope, KeyState } from "./keys.ts";

export interface MaterialStep extends KeyScope {
  readonly keyId: string;
  readonly kind: "import" | "delete";
  readonly untilMs: number;
}

export interface DueMaterialStep extends MaterialStep {
  /** What the row says: an import that was not finished has changed nothing there. */
  readonly hasMaterial: boolean;
}

/** Whether somebody has a step of this key in hand, or left one that is not settled. */
export function hasMaterialStep(key: Pick<Key, "materialStepUntilMs">): boolean {
  return key.materialStepUntilMs !== null;
}

/** Claims keys of these states whose material has expired, and steps whose makers are gone. What another transaction has in hand is passed over. */
export async function claimDueMaterial(
  tx: Queryable,
  nowMs: number,
  untilMs: number,
  limit: number,
  expirable: readonly KeyState[],
): Promise<DueMaterialStep[]> {
  const isExpired = and(
    lte(keys.validToMs, nowMs),
    isNull(keys.materialStepUntilMs),
    inArray(keys.state, [...expirable]),
  );
  const isLeft = and(isNotNull(keys.materialStepUntilMs), lt(keys.materialStepUntilMs, nowMs));
  const due = await tx
    .select({
      keyId: keys.keyId,
      account: keys.account,
      region: keys.region,
      kind: keys.materialStep,
      hasMaterial: keys.hasMaterial,
    })
    .from(keys)
    .where(or(isExpired, isLeft))
    .limit(limit)
    .for("update", { skipLocked: true });
  const steps = due.map(
    (row): DueMaterialStep => ({ ...row, kind: row.kind ?? "delete", untilMs }),
  );
  for (const { keyId, kind } of steps) {
    await tx
      .update(keys)
      .set({ materialStep: kind, materialStepUntilMs: untilMs })
      .where(eq(keys.keyId, keyId));
  }
  return steps;
}

const isStep = ({ keyId, untilMs }: MaterialStep) =>
  and(eq(keys.keyId, keyId), eq(keys.materialStepUntilMs, untilMs));

const noStep = { materialStep: null, materialStepUntilMs: null } as const;

/** Lets go of a key. Nothing happens when the step was taken over. */
export async function endMaterialStep(tx: Queryable, step: MaterialStep): Promise<void> {
  await tx.update(keys).set(noStep).where(isStep(step));
}

/** The material is gone: a key in one of the states waits for it again. False when the step was taken over. */
export async function finishMaterialDeletion(
  tx: Queryable,
  step: MaterialStep,
  expirable: readonly KeyState[],
): Promise<boolean> {
  const gone = { ...noStep, hasMaterial: false, validToMs: null };
  const [waiting] = await tx
    .update(keys)
    .set({ ...gone, state: "PendingImport" })
    .where(and(isStep(step), inArray(keys.state, [...expirable])))
    .returning({ keyId: keys.keyId });
  if (waiting !== undefined) {
    await raiseEpoch(tx, step.account);
    return true;
  }
  const rows = await tx.update(keys).set(gone).where(isStep(step)).returning({ keyId: keys.keyId });
  return rows.length > 0;
}
