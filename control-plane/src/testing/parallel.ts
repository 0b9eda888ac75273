/** Calls on one key at once, at two control planes over one database, and what came of them. */

import { callApi } from "./client.ts";
import { callEventsOf } from "./events.ts";
import type { Account, Harness } from "./harness.ts";

const callsAtOnce = 12;

/**
 * Makes rounds of twelve calls of these actions at once, at both doors by turns.
 *
 * @param actions with their parameters beside KeyId.
 * @returns the actions that were answered, in the order in which their changes happened.
 */
export async function changesInParallel(
  h: Harness,
  account: Account,
  KeyId: string,
  actions: Readonly<Record<string, object>>,
  rounds: number,
): Promise<string[]> {
  const other = await h.another();
  const names = Object.keys(actions);
  let second = Math.floor(Date.now() / 1000) + 20;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: callsAtOnce }, (_, i) => {
        const name = names[(i * 7 + round * 5) % names.length] ?? "";
        const params = { KeyId, ...actions[name] };
        if (i % 2 === 0) return account.call(name, params);
        second += 1;
        return callApi(other.url, account, name, params, { timestampSeconds: second });
      }),
    );
  }
  // Events are written in the transaction of their change, which holds the key's row: their order is that of the changes.
  const events = await callEventsOf(h.database, account.principal.account);
  return events
    .filter(({ action, errorCode, keyIds }) => {
      return errorCode === "" && keyIds.includes(KeyId) && Object.hasOwn(actions, action);
    })
    .map(({ action }) => action);
}
