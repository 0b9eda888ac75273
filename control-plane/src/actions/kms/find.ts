/** Steps that several actions begin with. */

import { ApiError } from "@edge-kms/protocol";
import type { Queryable } from "../../db/index.ts";
import { type Key, lockKeys } from "../../db/queries/keys.ts";
import { stateAt } from "../../keys/states.ts";
import type { Call } from "../call.ts";

export interface MemberAccount {
  readonly MemberAppId?: number | undefined;
  readonly MemberUin?: number | undefined;
}

/**
 * Acting on a member account is for administrators of an organisation, and there are none here. Naming oneself, or nobody,
 * is acting on the own account.
 */
export function refuseMemberAccount(call: Call, member: MemberAccount | undefined): void {
  const { account, appId } = call.principal;
  const isOwnUin = !member?.MemberUin || String(member.MemberUin) === account;
  const isOwnAppId = !member?.MemberAppId || member.MemberAppId === appId;
  if (!isOwnUin || !isOwnAppId) throw new ApiError("UnsupportedOperation.NotRoleOperation");
}

/** The key, locked until the transaction ends; `CmkNotFound` when this account and region have none of that id. */
export async function requireKey(tx: Queryable, call: Call, keyId: string): Promise<Key> {
  const [key] = await requireKeys(tx, call, [keyId]);
  if (key === undefined) throw new ApiError("ResourceUnavailable.CmkNotFound");
  return key;
}

/**
 * As {@link requireKey} for several, none twice. Their states are those of the call's moment: material that has ended is none, though
 * nobody has come to write that down.
 */
export async function requireKeys(
  tx: Queryable,
  call: Call,
  keyIds: readonly string[],
): Promise<Key[]> {
  const keys = await lockKeys(tx, call.scope, keyIds);
  if (keys.length < keyIds.length) throw new ApiError("ResourceUnavailable.CmkNotFound");
  return keys.map((key) => ({ ...key, state: stateAt(key, call.nowMs) }));
}
