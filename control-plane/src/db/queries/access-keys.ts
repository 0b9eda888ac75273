/** Access keys: whose they are and the sealed SecretKey. */

import type { Epoch, Principal } from "@edge-kms/protocol";
import { and, eq, gt, sql } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { accessKeys, accounts, edgeRevocations } from "../schema/index.ts";

export interface AccessKey {
  readonly secretId: string;
  readonly principal: Principal;
  readonly sealed: string;
  readonly isActive: boolean;
  /** The account's policy epoch, of the same moment as the rest. */
  readonly epoch: Epoch;
  /** Whether the account has revoked the edge that asks or forwards; false when none does. */
  readonly isEdgeRevoked: boolean;
}

/**
 * The access key of that id, null when there is none.
 *
 * @param edge the edge on whose word the key is used, null at this door.
 */
export async function findAccessKey(
  db: Queryable,
  secretId: string,
  edge: string | null,
): Promise<AccessKey | null> {
  const rows = await db
    .select({
      key: accessKeys,
      appId: accounts.appId,
      epoch: { generation: accounts.epochGeneration, counter: accounts.epochCounter },
      revoked: edgeRevocations.edge,
    })
    .from(accessKeys)
    .innerJoin(accounts, eq(accounts.account, accessKeys.account))
    .leftJoin(
      edgeRevocations,
      // No edge has an empty name.
      and(eq(edgeRevocations.account, accessKeys.account), eq(edgeRevocations.edge, edge ?? "")),
    )
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
    isEdgeRevoked: row.revoked !== null,
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

/** A page of the access keys that were not sealed for these tokens, in the order of their ids, disabled ones too. */
export function accessKeysSealedOtherwise(
  db: Queryable,
  sealedFor: string,
  afterId: string,
  limit: number,
): Promise<{ secretId: string; principal: Principal; sealed: string }[]> {
  return db
    .select({
      secretId: accessKeys.secretId,
      principal: {
        account: accessKeys.account,
        appId: accounts.appId,
        uin: accessKeys.uin,
        type: accessKeys.principalType,
      },
      sealed: accessKeys.sealed,
    })
    .from(accessKeys)
    .innerJoin(accounts, eq(accounts.account, accessKeys.account))
    .where(
      and(
        gt(accessKeys.secretId, afterId),
        sql`${accessKeys.sealedFor} is distinct from ${sealedFor}`,
      ),
    )
    .orderBy(accessKeys.secretId)
    .limit(limit);
}

/** Puts another sealed form in the place of the one that it was made of. */
export async function replaceSealed(
  tx: Queryable,
  secretId: string,
  before: string,
  after: { readonly sealed: string; readonly sealedFor: string },
): Promise<void> {
  await tx
    .update(accessKeys)
    .set(after)
    .where(and(eq(accessKeys.secretId, secretId), eq(accessKeys.sealed, before)));
}

/**
 * Sets the status of an access key of the account. Null when the account has none of that id, else whether the status was
 * another one.
 */
export async function setAccessKeyStatus(
  tx: Queryable,
  account: string,
  secretId: string,
  status: "Active" | "Inactive",
): Promise<boolean | null> {
  const isTheKey = and(eq(accessKeys.account, account), eq(accessKeys.secretId, secretId));
  const rows = await tx
    .select({ status: accessKeys.status })
    .from(accessKeys)
    .where(isTheKey)
    .for("update");
  const before = rows[0]?.status;
  if (before === undefined) return null;
  if (before === status) return false;
  await tx.update(accessKeys).set({ status }).where(isTheKey);
  return true;
}
