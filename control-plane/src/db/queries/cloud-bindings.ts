/** Cloud products that use a key. The key's row is locked by whoever changes them, and by whoever relies on there being none. */

import { and, count, eq, inArray } from "drizzle-orm";
import type { Queryable } from "../database.ts";
import { cloudBindings } from "../schema/index.ts";

export type CloudBinding = typeof cloudBindings.$inferInsert;

/** Records a binding; one that is there stays as it is. */
export async function insertBinding(tx: Queryable, binding: CloudBinding): Promise<void> {
  await tx.insert(cloudBindings).values(binding).onConflictDoNothing();
}

/** False when there was none. */
export async function removeBinding(
  tx: Queryable,
  { keyId, productId, resourceId }: Pick<CloudBinding, "keyId" | "productId" | "resourceId">,
): Promise<boolean> {
  const rows = await tx
    .delete(cloudBindings)
    .where(
      and(
        eq(cloudBindings.keyId, keyId),
        eq(cloudBindings.productId, productId),
        eq(cloudBindings.resourceId, resourceId),
      ),
    )
    .returning({ keyId: cloudBindings.keyId });
  return rows.length > 0;
}

/** Those of the keys that have a binding. */
export async function boundKeys(
  tx: Queryable,
  keyIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx
    .select({ keyId: cloudBindings.keyId, bindings: count() })
    .from(cloudBindings)
    .where(inArray(cloudBindings.keyId, [...keyIds]))
    .groupBy(cloudBindings.keyId);
  return new Set(rows.map(({ keyId }) => keyId));
}
