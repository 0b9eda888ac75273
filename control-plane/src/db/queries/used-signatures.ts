/** Signatures that have served. */

import { and, eq, lt } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { usedSignatures } from "../schema/index.ts";

export type UsedSignature = typeof usedSignatures.$inferSelect;

/**
 * Records a signature; null when it is new, otherwise the row that was there first. Of two transactions that bring the
 * same signature, the second waits here for the end of the first.
 */
export async function recordSignature(
  tx: Queryable,
  signature: UsedSignature,
): Promise<UsedSignature | null> {
  const inserted = await tx
    .insert(usedSignatures)
    .values(signature)
    .onConflictDoNothing()
    .returning({ secretId: usedSignatures.secretId });
  if (inserted.length > 0) return null;
  const rows = await tx
    .select()
    .from(usedSignatures)
    .where(
      and(
        eq(usedSignatures.secretId, signature.secretId),
        eq(usedSignatures.signature, signature.signature),
      ),
    );
  // Swept between the two statements: it was old enough to be refused for its timestamp, so refuse it.
  return rows[0] ?? { ...signature, binding: "", expiresAtMs: 0 };
}

/** Forgets signatures that can no longer be timely. */
export async function removeExpiredSignatures(tx: Queryable, nowMs: number): Promise<void> {
  await tx.delete(usedSignatures).where(lt(usedSignatures.expiresAtMs, nowMs));
}
