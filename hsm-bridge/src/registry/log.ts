/**
 * The bridge's own record of what it did, append-only. Each row carries
 *
 *     hash = SHA-256( hash of the row before (32 zero bytes for the first) || UTF-8 of JSON [seq, timeMs, event, role, details] )
 *
 * with `details` as the stored JSON text, so a row changed or taken out later shows. Nothing secret is written here.
 */

import { createHash } from "node:crypto";
import type { BridgeResponse, BridgeRole } from "@edge-kms/protocol";
import type { Database } from "./database.ts";

export type LogEntry = BridgeResponse<"readLog">["entries"][number];
export type LogDetails = LogEntry["details"];

/** What is recorded. A closed list, so that readers can rely on it. */
export type LogEvent =
  | "bridge-started"
  | "branch-created"
  | "branch-leased"
  | "credential-created"
  | "credential-leased"
  | "destruction-cancelled"
  | "destruction-scheduled"
  | "edge-enrolled"
  | "edge-mode-ceiling-set"
  | "frozen"
  | "key-abandoned"
  | "key-created"
  | "key-rotated"
  | "key-destroyed"
  | "material-deleted"
  | "material-imported"
  | "material-rejected"
  | "object-quarantined"
  | "object-removed"
  | "operation-failed"
  | "operation-performed"
  | "unfrozen";

/** Rows whose chain is verified at start; the whole chain of a busy bridge would take minutes. */
const VERIFIED_AT_START = 10_000;

interface LogRow {
  seq: number;
  time_ms: number;
  event: string;
  role: string;
  details: string;
  hash: Uint8Array;
}

/** Appends one entry. Only inside a commit. */
export function appendLog(
  database: Database,
  timeMs: number,
  event: LogEvent,
  role: BridgeRole | "bridge",
  details: LogDetails,
): void {
  const last = database.get<Pick<LogRow, "seq" | "hash">>(
    "SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1",
  );
  const row = {
    seq: (last?.seq ?? 0) + 1,
    time_ms: timeMs,
    event,
    role,
    details: JSON.stringify(details),
  };
  database.run(
    "INSERT INTO log (seq, time_ms, event, role, details, hash) VALUES (?, ?, ?, ?, ?, ?)",
    row.seq,
    row.time_ms,
    row.event,
    row.role,
    row.details,
    hashOf(last?.hash ?? new Uint8Array(32), row),
  );
}

export function readLog(database: Database, afterSeq: number, limit: number): LogEntry[] {
  return database
    .all<LogRow>("SELECT * FROM log WHERE seq > ? ORDER BY seq LIMIT ?", afterSeq, limit)
    .map((row) => ({
      seq: row.seq,
      timeMs: row.time_ms,
      event: row.event,
      role: row.role,
      details: JSON.parse(row.details) as LogDetails,
    }));
}

/** Whether the newest rows are chained without gap or change. */
export function isLogIntact(database: Database, rows = VERIFIED_AT_START): boolean {
  const newest = database
    .all<LogRow>("SELECT * FROM log ORDER BY seq DESC LIMIT ?", rows + 1)
    .reverse();
  let previous: LogRow | null = null;
  for (const row of newest) {
    if (previous === null && row.seq !== 1) {
      // The oldest row read only anchors the next one.
      previous = row;
      continue;
    }
    if (row.seq !== (previous?.seq ?? 0) + 1) return false;
    const expected = hashOf(previous?.hash ?? new Uint8Array(32), row);
    if (!expected.equals(row.hash)) return false;
    previous = row;
  }
  return true;
}

function hashOf(previous: Uint8Array, row: Omit<LogRow, "hash">): Buffer {
  return createHash("sha256")
    .update(previous)
    .update(JSON.stringify([row.seq, row.time_ms, row.event, row.role, row.details]))
    .digest();
}
