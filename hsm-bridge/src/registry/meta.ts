/** Single values of the registry: its generation, the sealed identity, the kind of store it belongs to. */

import type { Database } from "./database.ts";

export type MetaName =
  | "generation"
  | "store-kind"
  | "identity-public"
  | "identity-sealed"
  | "freezes-revision"
  | "founding-token"
  | "fingerprint-key-sealed";

export function readMeta(database: Database, name: MetaName): Uint8Array | null {
  const row = database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE name = ?", name);
  return row === null ? null : row.value;
}

/** Only inside a commit. */
export function writeMeta(database: Database, name: MetaName, value: Uint8Array): void {
  database.run(
    "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    name,
    value,
  );
}

export function readMetaText(database: Database, name: MetaName): string | null {
  const value = readMeta(database, name);
  return value === null ? null : Buffer.from(value).toString("utf8");
}
