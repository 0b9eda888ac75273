/** Moving a key to another state, and telling the edges by raising the account's epoch in the same transaction. */

import { raiseEpoch } from "../../db/queries/accounts.ts";
import { updateKey } from "../../db/queries/keys.ts";
import { type KeyAction, nextState } from "../../keys/states.ts";
import type { Call } from "../call.ts";
import { refuseMemberAccount, requireKey } from "./find.ts";

interface StateChange {
  readonly KeyId: string;
  readonly MemberAccount?: Parameters<typeof refuseMemberAccount>[1];
}

export async function changeState(
  call: Call,
  { KeyId, MemberAccount }: StateChange,
  action: KeyAction,
): Promise<void> {
  refuseMemberAccount(call, MemberAccount);
  await call.change(async (tx) => {
    const key = await requireKey(tx, call, KeyId);
    const state = nextState(key.state, action);
    if (state === key.state) return;
    await updateKey(tx, key, { state });
    await raiseEpoch(tx, key.account);
  });
}
