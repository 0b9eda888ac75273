/** What an account has taken away from edges: single keys, or everything. Whoever writes here raises the epoch with it. */

import { and, asc, count, eq, inArray } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { edgeRevocations, keyEdgeRevocations } from "../schema/index.ts";

/** False when it was revoked already; the first time stays. */
export async function revokeEdge(
  tx: Queryable,
  account: string,
  edge: string,
  revokedAtMs: number,
): Promise<boolean> {
  const rows = await tx
    .insert(edgeRevocations)
    .values({ account, edge, revokedAtMs })
    .onConflictDoNothing()
    .returning({ edge: edgeRevocations.edge });
  return rows.length > 0;
}

/** False when it was not revoked. */
export async function restoreEdge(tx: Queryable, account: string, edge: string): Promise<boolean> {
  const rows = await tx
    .delete(edgeRevocations)
    .where(and(eq(edgeRevocations.account, account), eq(edgeRevocations.edge, edge)))
    .returning({ edge: edgeRevocations.edge });
  return rows.length > 0;
}

/** When edges were revoked for the account, by name. */
export async function listRevokedEdges(
  db: Queryable,
  account: string,
): Promise<Map<string, number>> {
  const rows = await db
    .select({ edge: edgeRevocations.edge, revokedAtMs: edgeRevocations.revokedAtMs })
    .from(edgeRevocations)
    .where(eq(edgeRevocations.account, account));
  return new Map(rows.map(({ edge, revokedAtMs }) => [edge, revokedAtMs]));
}

/** As {@link revokeEdge}, for one key of the account. */
export async function revokeKeyAtEdge(
  tx: Queryable,
  key: { readonly keyId: string; readonly account: string },
  edge: string,
  revokedAtMs: number,
): Promise<boolean> {
  const { keyId, account } = key;
  const rows = await tx
    .insert(keyEdgeRevocations)
    .values({ keyId, account, edge, revokedAtMs })
    .onConflictDoNothing()
    .returning({ edge: keyEdgeRevocations.edge });
  return rows.length > 0;
}

/** As {@link restoreEdge}, for one key. */
export async function restoreKeyAtEdge(
  tx: Queryable,
  keyId: string,
  edge: string,
): Promise<boolean> {
  const rows = await tx
    .delete(keyEdgeRevocations)
    .where(and(eq(keyEdgeRevocations.keyId, keyId), eq(keyEdgeRevocations.edge, edge)))
    .returning({ edge: keyEdgeRevocations.edge });
  return rows.length > 0;
}

/** Whether the account took the key, or everything, away from the edge. Leases have the same in `findKeysWithEpochs`. */
export async function isRevokedAtEdge(
  db: Queryable,
  edge: string,
  account: string,
  keyId: string,
): Promise<boolean> {
  const rows = await db
    .select({ edge: edgeRevocations.edge })
    .from(edgeRevocations)
    .where(and(eq(edgeRevocations.account, account), eq(edgeRevocations.edge, edge)))
    .unionAll(
      db
        .select({ edge: keyEdgeRevocations.edge })
        .from(keyEdgeRevocations)
        .where(and(eq(keyEdgeRevocations.keyId, keyId), eq(keyEdgeRevocations.edge, edge))),
    );
  return rows.length > 0;
}

/** Edges at which a key is revoked, by name. */
export async function edgesRevokedForKey(
  db: Queryable,
  keyId: string,
): Promise<{ edge: string; revokedAtMs: number }[]> {
  return db
    .select({ edge: keyEdgeRevocations.edge, revokedAtMs: keyEdgeRevocations.revokedAtMs })
    .from(keyEdgeRevocations)
    .where(eq(keyEdgeRevocations.keyId, keyId))
    .orderBy(asc(keyEdgeRevocations.edge));
}

/** How many keys of the account are revoked at each of these edges. */
export async function countKeysRevoked(
  db: Queryable,
  account: string,
  edges: readonly string[],
): Promise<Map<string, number>> {
  if (edges.length === 0) return new Map();
  const rows = await db
    .select({ edge: keyEdgeRevocations.edge, keys: count() })
    .from(keyEdgeRevocations)
    .where(
      and(eq(keyEdgeRevocations.account, account), inArray(keyEdgeRevocations.edge, [...edges])),
    )
    .groupBy(keyEdgeRevocations.edge);
  return new Map(rows.map(({ edge, keys }) => [edge, keys]));
}
