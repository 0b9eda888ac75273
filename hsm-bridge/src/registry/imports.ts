/** Imports: pairs that material is wrapped with, fingerprints of what was imported, and failures. */

import type { WrappingAlgorithm } from "@edge-kms/protocol";
import type { Database } from "./database.ts";

export interface ImportPairRow {
  readonly importId: string;
  readonly keyId: string;
  readonly algorithm: WrappingAlgorithm;
  /** The private key in the store, or the object that `wrapped` is sealed under. */
  readonly objectId: string;
  readonly wrapped: Uint8Array | null;
  readonly expiresAtMs: number;
  readonly failures: number;
}

const COLUMNS = `import_id AS importId, key_id AS keyId, algorithm, object_id AS objectId, wrapped,
  expires_at_ms AS expiresAtMs, failures`;

/** Counts as made at `nowMs`. Only inside a commit. */
export function insertImportPair(database: Database, row: ImportPairRow, nowMs: number): void {
  database.run("INSERT INTO import_pairs_made (key_id, time_ms) VALUES (?, ?)", row.keyId, nowMs);
  database.run(
    "INSERT INTO import_pairs (import_id, key_id, algorithm, object_id, wrapped, expires_at_ms, failures) VALUES (?, ?, ?, ?, ?, ?, ?)",
    row.importId,
    row.keyId,
    row.algorithm,
    row.objectId,
    row.wrapped,
    row.expiresAtMs,
    row.failures,
  );
}

export function findImportPair(database: Database, importId: string): ImportPairRow | null {
  return database.get<ImportPairRow>(
    `SELECT ${COLUMNS} FROM import_pairs WHERE import_id = ?`,
    importId,
  );
}

export function findImportPairByObject(database: Database, objectId: string): ImportPairRow | null {
  return database.get<ImportPairRow>(
    `SELECT ${COLUMNS} FROM import_pairs WHERE object_id = ?`,
    objectId,
  );
}

/** Of one key, oldest first. */
export function importPairsOf(database: Database, keyId: string): ImportPairRow[] {
  return database.all<ImportPairRow>(
    `SELECT ${COLUMNS} FROM import_pairs WHERE key_id = ? ORDER BY expires_at_ms`,
    keyId,
  );
}

export function expiredImportPairs(database: Database, nowMs: number): ImportPairRow[] {
  return database.all<ImportPairRow>(
    `SELECT ${COLUMNS} FROM import_pairs WHERE expires_at_ms <= ?`,
    nowMs,
  );
}

/** Only inside a commit. */
export function removeImportPair(database: Database, importId: string): void {
  database.run("DELETE FROM import_pairs WHERE import_id = ?", importId);
}

/** Counts a failure of a token, and of its key; answers the token's. Only inside a commit. */
export function countFailure(database: Database, row: ImportPairRow, nowMs: number): number {
  database.run("UPDATE import_pairs SET failures = failures + 1 WHERE import_id = ?", row.importId);
  database.run("INSERT INTO import_failures (key_id, time_ms) VALUES (?, ?)", row.keyId, nowMs);
  return findImportPair(database, row.importId)?.failures ?? 0;
}

export function failuresSince(database: Database, keyId: string, sinceMs: number): number {
  return countSince(database, "import_failures", keyId, sinceMs);
}

export function pairsMadeSince(database: Database, keyId: string, sinceMs: number): number {
  return countSince(database, "import_pairs_made", keyId, sinceMs);
}

function countSince(
  database: Database,
  table: "import_failures" | "import_pairs_made",
  keyId: string,
  sinceMs: number,
): number {
  const row = database.get<{ n: number }>(
    `SELECT count(*) AS n FROM ${table} WHERE key_id = ? AND time_ms > ?`,
    keyId,
    sinceMs,
  );
  return row?.n ?? 0;
}

/** Failures, and how many pairs were made. Only inside a commit. */
export function forgetCounts(database: Database, untilMs: number): void {
  database.run("DELETE FROM import_failures WHERE time_ms <= ?", untilMs);
  database.run("DELETE FROM import_pairs_made WHERE time_ms <= ?", untilMs);
}

export function findFingerprint(database: Database, keyId: string): Uint8Array | null {
  const row = database.get<{ fingerprint: Uint8Array }>(
    "SELECT fingerprint FROM material_fingerprints WHERE key_id = ?",
    keyId,
  );
  return row?.fingerprint ?? null;
}

/** Only inside a commit. */
export function insertFingerprint(
  database: Database,
  keyId: string,
  fingerprint: Uint8Array,
): void {
  database.run(
    "INSERT INTO material_fingerprints (key_id, fingerprint) VALUES (?, ?)",
    keyId,
    fingerprint,
  );
}
