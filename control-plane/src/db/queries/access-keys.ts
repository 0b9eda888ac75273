/** Access keys: whose they are and the sealed SecretKey. */

import type { Epoch, Principal } from "@edge-kms/protocol";
import { eq } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { accessKeys, accounts } from "../schema/index.ts";

export interface AccessKey {
  readonly secretId: string;
  readonly principal: Principal;
  readonly sealed: string;
  readonly isActive: boolean;
  /** The account's policy epoch, of the same moment as the rest. */
  readonly epoch: Epoch;
}

/** The access key of that id, null when there is none. */
export async function findAccessKey(db: Queryable, secretId: string): Promise<AccessKey | null> {
  const rows = await db
    .select({
      key: accessKeys,
      appId: accounts.appId,
      epoch: { generation: accounts.epochGeneration, counter: accounts.epochCounter },
    })
    .from(accessKeys)
    .innerJoin(accounts, eq(accounts.account, accessKeys.account))
    .where(eq(accessKeys.secretId, secretId));
  const row = rows[0];
  if (row === undefined) return null;
  const { account, uin, principalType, sealed, status } = row.key;
  return {
    secretId,
    principal: { account, appId: row.appId, uin, type: principalType },
    sealed,
    isActive: status === "Active",
    epoch: row.epoch,
  };
}

/** Stores an access key unless one of that id is there; the stored one stays as it is. */
export async function insertAccessKey(
  tx: Queryable,
  key: { secretId: string; principal: Principal; sealed: string; createdAtMs: number },
): Promise<void> {
  const { account, uin, type } = key.principal;
  await tx
    .insert(accessKeys)
    .values({
      secretId: key.secretId,
      account,
      uin,
      principalType: type,
      sealed: key.sealed,
      status: "Active",
      createdAtMs: key.createdAtMs,
    })
    .onConflictDoNothing();
}
