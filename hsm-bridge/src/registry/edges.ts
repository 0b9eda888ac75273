/** Edges enrolled by an operator. The control plane can read this list and never write it. */

import type { Database } from "./database.ts";

export interface EdgeRow {
  readonly edge: string;
  /** Ed25519, raw 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly accounts: readonly string[];
  readonly regions: readonly string[];
  readonly group: string;
  readonly enrolledAtMs: number;
}

interface StoredEdge {
  edge: string;
  public_key: Uint8Array;
  accounts: string;
  regions: string;
  edge_group: string;
  enrolled_at_ms: number;
}

export function findEdge(database: Database, edge: string): EdgeRow | null {
  const row = database.get<StoredEdge>("SELECT * FROM edges WHERE edge = ?", edge);
  return row === null ? null : read(row);
}

export function findEdgeByPublicKey(database: Database, publicKey: Uint8Array): EdgeRow | null {
  const row = database.get<StoredEdge>("SELECT * FROM edges WHERE public_key = ?", publicKey);
  return row === null ? null : read(row);
}

export function listEdges(database: Database): EdgeRow[] {
  return database.all<StoredEdge>("SELECT * FROM edges ORDER BY edge").map(read);
}

/** Only inside a commit. */
export function insertEdge(database: Database, edge: EdgeRow): void {
  database.run(
    "INSERT INTO edges (edge, public_key, accounts, regions, edge_group, enrolled_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
    edge.edge,
    edge.publicKey,
    JSON.stringify(edge.accounts),
    JSON.stringify(edge.regions),
    edge.group,
    edge.enrolledAtMs,
  );
}

function read(row: StoredEdge): EdgeRow {
  return {
    edge: row.edge,
    publicKey: row.public_key,
    accounts: JSON.parse(row.accounts) as string[],
    regions: JSON.parse(row.regions) as string[],
    group: row.edge_group,
    enrolledAtMs: row.enrolled_at_ms,
  };
}
