/**
 * Moving keys to another state, all or none, and telling the edges by raising the account's epoch in the same transaction.
 */

import { raiseEpoch } from "../../db/queries/accounts.ts";
import { boundKeys } from "../../db/queries/cloud-bindings.ts";
import { updateKey } from "../../db/queries/keys.ts";
import { type KeyAction, nextState } from "../../keys/states.ts";
import type { Call } from "../call.ts";
import { type MemberAccount, refuseMemberAccount, requireKeys } from "./find.ts";
import { refuseWhileMaterialGoes } from "./material-step.ts";

interface StateChange {
  /** None twice. */
  readonly keyIds: readonly string[];
  readonly member: MemberAccount | undefined;
}

export async function changeState(
  call: Call,
  { keyIds, member }: StateChange,
  action: KeyAction,
): Promise<void> {
  refuseMemberAccount(call, member);
  await call.change(async (tx) => {
    const keys = await requireKeys(tx, call, keyIds);
    const bound = await boundKeys(tx, keyIds);
    const changes = keys
      .map((key) => {
        const isBound = bound.has(key.keyId);
        const state = nextState({ ...key, isBound }, action);
        refuseWhileMaterialGoes(key, { ...key, isBound, state });
        return { key, state };
      })
      .filter(({ key, state }) => state !== key.state);
    for (const { key, state } of changes) await updateKey(tx, key, { state });
    if (changes.length > 0) await raiseEpoch(tx, call.scope.account);
  });
}
