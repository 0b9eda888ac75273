/**
 * Where a store of several tokens keeps its objects, and what it has wrapped for tokens since the sealed bytes were handed out. A home
 * with one token has no rows here.
 */

import type { Database } from "./database.ts";

export interface CopyRow {
  readonly token: string;
  /**
   * `copying`: the object may be there, and what is sealed under it is not all wrapped for the token yet. `destroying`: it may be gone.
   */
  readonly state: "copying" | "ready" | "destroying";
}

export interface UnfinishedSeal {
  readonly sealedHash: Uint8Array;
  readonly objectId: string;
  readonly sealed: Uint8Array;
  readonly associatedData: Uint8Array;
}

export function copiesOf(database: Database, objectId: string): CopyRow[] {
  return database.all<CopyRow>("SELECT token, state FROM copies WHERE object_id = ?", objectId);
}

/** What a token must have: not what is being destroyed, which it may have done already. */
export function objectsWithCopyIn(database: Database, token: string): string[] {
  return database
    .all<{ id: string }>(
      `SELECT object_id AS id FROM copies c JOIN objects o USING (object_id)
       WHERE c.token = ? AND c.state = 'ready' AND o.state = 'ready' AND NOT EXISTS (
         SELECT 1 FROM key_versions v JOIN keys k USING (key_id)
         WHERE v.object_id = c.object_id AND k.state <> 'active')`,
      token,
    )
    .map(({ id }) => id);
}

/** Only inside a commit. */
export function setCopy(
  database: Database,
  objectId: string,
  token: string,
  state: CopyRow["state"],
): void {
  database.run(
    `INSERT INTO copies (object_id, token, state) VALUES (?, ?, ?)
     ON CONFLICT (object_id, token) DO UPDATE SET state = excluded.state`,
    objectId,
    token,
    state,
  );
}

/** An object is gone from every token: so is what was known of its copies. Only inside a commit. */
export function forgetCopies(database: Database, objectId: string): void {
  for (const table of ["copies", "wrappings", "unfinished_seals"]) {
    database.run(`DELETE FROM ${table} WHERE object_id = ?`, objectId);
  }
}

/** What was wrapped for a token under a key that it has no more. Only inside a commit. */
export function forgetWrappings(database: Database, objectId: string, token: string): void {
  database.run("DELETE FROM wrappings WHERE object_id = ? AND token = ?", objectId, token);
}

/** Whether an object is material from outside: of all objects these alone are the same key in every token. */
export function isImported(database: Database, objectId: string): boolean {
  const sql = `SELECT 1 FROM key_versions v JOIN keys k USING (key_id)
    WHERE v.object_id = ? AND k.origin = 'imported'`;
  return database.get(sql, objectId) !== null;
}

/**
 * Objects that another token could be given: not imported material, no private keys, which leave no token, and nothing of keys that
 * are being destroyed.
 */
const COPYABLE = `o.state = 'ready'
  AND NOT EXISTS (
    SELECT 1 FROM key_versions v JOIN keys k USING (key_id) LEFT JOIN key_pairs p USING (key_id)
    WHERE v.object_id = o.object_id AND (
      k.origin = 'imported' OR k.state <> 'active' OR (p.key_id IS NOT NULL AND p.wrapped IS NULL)))
  AND NOT EXISTS (
    SELECT 1 FROM import_pairs i WHERE i.object_id = o.object_id AND i.wrapped IS NULL)`;

/** Where nothing is lacking, one look into an index per object. */
const LACKING = `FROM objects o
  WHERE NOT EXISTS (
    SELECT 1 FROM copies c WHERE c.object_id = o.object_id AND c.token = ? AND c.state = 'ready')
  AND EXISTS (
    SELECT 1 FROM copies c WHERE c.object_id = o.object_id AND c.state = 'ready'
    AND c.token IN (SELECT value FROM json_each(?)))
  AND ${COPYABLE}`;

/** Objects that a token has no finished copy of, and could be given with the help of the others. */
export function objectsLackingIn(
  database: Database,
  token: string,
  others: readonly string[],
): string[] {
  return database
    .all<{ id: string }>(`SELECT o.object_id AS id ${LACKING}`, token, JSON.stringify(others))
    .map(({ id }) => id);
}

export function isCopyable(database: Database, objectId: string): boolean {
  return (
    database.get(`SELECT 1 FROM objects o WHERE o.object_id = ? AND ${COPYABLE}`, objectId) !== null
  );
}

/** Wrappings by token, of sealed bytes with this SHA-256. */
export function wrappingsOf(database: Database, sealedHash: Uint8Array): Map<string, Uint8Array> {
  const rows = database.all<{ token: string; wrapping: Uint8Array }>(
    "SELECT token, wrapping FROM wrappings WHERE sealed_hash = ?",
    sealedHash,
  );
  return new Map(rows.map(({ token, wrapping }) => [token, wrapping]));
}

/** Only inside a commit. */
export function insertWrapping(
  database: Database,
  sealedHash: Uint8Array,
  token: string,
  objectId: string,
  wrapping: Uint8Array,
): void {
  database.run(
    "INSERT OR IGNORE INTO wrappings (sealed_hash, token, object_id, wrapping) VALUES (?, ?, ?, ?)",
    sealedHash,
    token,
    objectId,
    wrapping,
  );
}

export function countUnfinishedSeals(database: Database): number {
  return database.get<{ n: number }>("SELECT count(*) AS n FROM unfinished_seals")?.n ?? 0;
}

/** A page of them, in the order of their hashes. */
export function unfinishedSeals(
  database: Database,
  afterHash: Uint8Array,
  limit: number,
): UnfinishedSeal[] {
  return database.all<UnfinishedSeal>(
    `SELECT sealed_hash AS sealedHash, object_id AS objectId, sealed, associated_data AS associatedData
     FROM unfinished_seals WHERE sealed_hash > ? ORDER BY sealed_hash LIMIT ?`,
    afterHash,
    limit,
  );
}

/** Only inside a commit. */
export function insertUnfinishedSeal(database: Database, row: UnfinishedSeal): void {
  database.run(
    "INSERT OR IGNORE INTO unfinished_seals (sealed_hash, object_id, sealed, associated_data) VALUES (?, ?, ?, ?)",
    row.sealedHash,
    row.objectId,
    row.sealed,
    row.associatedData,
  );
}

/** Only inside a commit. */
export function removeUnfinishedSeal(database: Database, sealedHash: Uint8Array): void {
  database.run("DELETE FROM unfinished_seals WHERE sealed_hash = ?", sealedHash);
}
