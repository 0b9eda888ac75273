/** Looking into the database past the code under test. */

import type { AuditEvent } from "@edge-kms/protocol";
import { and, asc, eq } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { accessKeys, callEvents, edgeAuditRecords } from "../db/schema/index.ts";

/** The recorded calls of an account at this door, oldest first. */
export async function callEventsOf(database: Database, account: string): Promise<AuditEvent[]> {
  const rows = await database.read((db) =>
    db
      .select({ event: callEvents.event })
      .from(callEvents)
      .where(eq(callEvents.account, account))
      .orderBy(asc(callEvents.id)),
  );
  return rows.map(({ event }) => JSON.parse(event) as AuditEvent);
}

/** The stored records of one edge instance, in order. */
export async function edgeRecordsOf(
  database: Database,
  edge: string,
  instance: string,
): Promise<{ seq: number; record: string; action: string }[]> {
  const { seq, record, action } = edgeAuditRecords;
  return database.read((db) =>
    db
      .select({ seq, record, action })
      .from(edgeAuditRecords)
      .where(and(eq(edgeAuditRecords.edge, edge), eq(edgeAuditRecords.instance, instance)))
      .orderBy(asc(seq)),
  );
}

export async function setAccessKeyStatus(
  database: Database,
  secretId: string,
  status: "Active" | "Inactive",
): Promise<void> {
  await database.read((db) =>
    db.update(accessKeys).set({ status }).where(eq(accessKeys.secretId, secretId)),
  );
}
