/**
 * Nonces of edge requests that were answered. Persisted with the answer: a request dated in the future could otherwise be
 * played again after a restart.
 */

import type { Database } from "./database.ts";

export function isNonceKnown(database: Database, edge: string, nonce: string): boolean {
  return database.get("SELECT 1 FROM nonces WHERE edge = ? AND nonce = ?", edge, nonce) !== null;
}

/** Only inside a commit. Also forgets what has expired. */
export function rememberNonce(
  database: Database,
  edge: string,
  nonce: string,
  expiresAtMs: number,
  nowMs: number,
): void {
  database.run("DELETE FROM nonces WHERE expires_at_ms < ?", nowMs);
  database.run(
    "INSERT INTO nonces (edge, nonce, expires_at_ms) VALUES (?, ?, ?)",
    edge,
    nonce,
    expiresAtMs,
  );
}
