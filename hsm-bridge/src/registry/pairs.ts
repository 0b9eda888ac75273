/** Key pairs of asymmetric keys: the public half, and the private one where the store keeps it only wrapped. */

import type { AsymmetricKeyUsage } from "@edge-kms/protocol";
import type { Database } from "./database.ts";

export interface PairRow {
  readonly keyId: string;
  readonly version: number;
  readonly usage: AsymmetricKeyUsage;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** Sealed under the version's object; null when that object is the private key itself, or the key is destroyed. */
  readonly wrapped: Uint8Array | null;
}

export function findPair(database: Database, keyId: string): PairRow | null {
  return database.get<PairRow>(
    "SELECT key_id AS keyId, version, usage, public_key AS publicKey, wrapped FROM key_pairs WHERE key_id = ?",
    keyId,
  );
}

/** Only inside a commit. */
export function insertPair(database: Database, row: PairRow): void {
  database.run(
    "INSERT INTO key_pairs (key_id, version, usage, public_key, wrapped) VALUES (?, ?, ?, ?, ?)",
    row.keyId,
    row.version,
    row.usage,
    row.publicKey,
    row.wrapped,
  );
}

/** Only inside a commit. */
export function notePairUse(database: Database, keyId: string): void {
  database.run("UPDATE key_pairs SET is_used = 1 WHERE key_id = ? AND is_used = 0", keyId);
}

export function isPairUsed(database: Database, keyId: string): boolean {
  return database.get("SELECT 1 FROM key_pairs WHERE key_id = ? AND is_used = 1", keyId) !== null;
}

/** Takes the wrapped bytes away; SQLite overwrites them (secure_delete). Only inside a commit. */
export function erasePair(database: Database, keyId: string): void {
  database.run("UPDATE key_pairs SET wrapped = NULL WHERE key_id = ?", keyId);
}
