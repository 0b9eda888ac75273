/** Keys, their versions and their wrapped branch keys, as the bridge knows them. Ids of destroyed keys stay for ever. */

import type { EdgeMode } from "@edge-kms/protocol";
import type { Database } from "./database.ts";

export type KeyState = "active" | "abandoned" | "destroying" | "destroyed";

export interface KeyName {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
}

export interface KeyRow {
  readonly keyId: string;
  readonly account: string;
  readonly region: string;
  readonly suite: 1 | 2 | null;
  readonly state: KeyState;
  readonly createdAtMs: number;
  readonly destroyNotBeforeMs: number | null;
  /** The most that edges may do with it. */
  readonly edgeModeCeiling: EdgeMode;
  /** `imported`: its material came, or will come, from outside. */
  readonly origin: "made" | "imported";
}

export interface VersionRow {
  readonly version: number;
  readonly objectId: string;
  readonly createdAtMs: number;
}

export interface BranchRow {
  readonly branch: string;
  readonly keyId: string;
  readonly version: number;
  readonly group: string;
  readonly period: number;
  /** 0 for the first branch key of a period. */
  readonly turn: number;
  readonly wrapped: Uint8Array | null;
}

const KEY_COLUMNS = `key_id AS keyId, account, region, suite, state, created_at_ms AS createdAtMs,
  destroy_not_before_ms AS destroyNotBeforeMs, edge_mode_ceiling AS edgeModeCeiling, origin`;
const VERSION_COLUMNS = "version, object_id AS objectId, created_at_ms AS createdAtMs";
const BRANCH_COLUMNS =
  'branch, key_id AS keyId, version, edge_group AS "group", period, turn, wrapped';

export function findKey(database: Database, keyId: string): KeyRow | null {
  return database.get<KeyRow>(`SELECT ${KEY_COLUMNS} FROM keys WHERE key_id = ?`, keyId);
}

/** Only inside a commit. */
export function insertKey(
  database: Database,
  name: KeyName,
  suite: 1 | 2 | null,
  state: KeyState,
  nowMs: number,
  origin: KeyRow["origin"] = "made",
): void {
  database.run(
    "INSERT INTO keys (key_id, account, region, suite, state, created_at_ms, origin) VALUES (?, ?, ?, ?, ?, ?, ?)",
    name.keyId,
    name.account,
    name.region,
    suite,
    state,
    nowMs,
    origin,
  );
}

/** Only inside a commit. */
export function setKeyState(
  database: Database,
  keyId: string,
  state: KeyState,
  destroyedAtMs: number | null,
): void {
  database.run(
    "UPDATE keys SET state = ?, destroyed_at_ms = ? WHERE key_id = ?",
    state,
    destroyedAtMs,
    keyId,
  );
}

/** Only inside a commit. */
export function setDestructionDate(
  database: Database,
  keyId: string,
  notBeforeMs: number | null,
): void {
  database.run("UPDATE keys SET destroy_not_before_ms = ? WHERE key_id = ?", notBeforeMs, keyId);
}

/** Only inside a commit. */
export function setEdgeModeCeiling(database: Database, keyId: string, ceiling: EdgeMode): void {
  database.run("UPDATE keys SET edge_mode_ceiling = ? WHERE key_id = ?", ceiling, keyId);
}

/** Keys that edges may do less with than they may with others. */
export function keysWithCeiling(database: Database): KeyRow[] {
  return database.all<KeyRow>(
    `SELECT ${KEY_COLUMNS} FROM keys WHERE edge_mode_ceiling <> 'lease' ORDER BY key_id`,
  );
}

export function keysInState(database: Database, state: KeyState): KeyRow[] {
  return database.all<KeyRow>(`SELECT ${KEY_COLUMNS} FROM keys WHERE state = ?`, state);
}

/** Only inside a commit. */
export function insertVersion(
  database: Database,
  keyId: string,
  version: number,
  objectId: string,
  nowMs: number,
): void {
  database.run(
    "INSERT INTO key_versions (key_id, version, object_id, created_at_ms) VALUES (?, ?, ?, ?)",
    keyId,
    version,
    objectId,
    nowMs,
  );
}

/** Another object for a version: imported material that came again. Only inside a commit. */
export function setVersionObject(
  database: Database,
  keyId: string,
  version: number,
  objectId: string,
): void {
  database.run(
    "UPDATE key_versions SET object_id = ? WHERE key_id = ? AND version = ?",
    objectId,
    keyId,
    version,
  );
}

/** Newest first. */
export function versionsOf(database: Database, keyId: string): VersionRow[] {
  return database.all<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM key_versions WHERE key_id = ? ORDER BY version DESC`,
    keyId,
  );
}

export function findVersion(database: Database, keyId: string, version: number): VersionRow | null {
  return database.get<VersionRow>(
    `SELECT ${VERSION_COLUMNS} FROM key_versions WHERE key_id = ? AND version = ?`,
    keyId,
    version,
  );
}

export function findBranch(database: Database, branch: string): BranchRow | null {
  return database.get<BranchRow>(`SELECT ${BRANCH_COLUMNS} FROM branches WHERE branch = ?`, branch);
}

/** The key that has this store object for one of its versions. */
export function findKeyByObject(database: Database, objectId: string): string | null {
  const row = database.get<{ keyId: string }>(
    "SELECT key_id AS keyId FROM key_versions WHERE object_id = ?",
    objectId,
  );
  return row?.keyId ?? null;
}

/** Branches of the version that has this store object. */
export function branchesUnder(database: Database, objectId: string): BranchRow[] {
  return database.all<BranchRow>(
    `SELECT ${BRANCH_COLUMNS} FROM branches
     WHERE (key_id, version) = (SELECT key_id, version FROM key_versions WHERE object_id = ?)`,
    objectId,
  );
}

/** The newest branch of a period, and how many encryptions were permitted with it. */
export function findBranchOfPeriod(
  database: Database,
  keyId: string,
  version: number,
  group: string,
  period: number,
): (BranchRow & { readonly permittedEncryptions: number }) | null {
  return database.get(
    `SELECT ${BRANCH_COLUMNS}, permitted_encryptions AS permittedEncryptions FROM branches
     WHERE key_id = ? AND version = ? AND edge_group = ? AND period = ? ORDER BY turn DESC LIMIT 1`,
    keyId,
    version,
    group,
    period,
  );
}

/** Only inside a commit: the one that lets the encryptions be made. */
export function addPermittedEncryptions(database: Database, branch: string, count: number): void {
  database.run(
    "UPDATE branches SET permitted_encryptions = permitted_encryptions + ? WHERE branch = ?",
    count,
    branch,
  );
}

/** Only inside a commit. */
export function insertBranch(
  database: Database,
  row: BranchRow & { readonly wrapped: Uint8Array },
  nowMs: number,
): void {
  database.run(
    "INSERT INTO branches (branch, key_id, version, edge_group, period, turn, wrapped, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    row.branch,
    row.keyId,
    row.version,
    row.group,
    row.period,
    row.turn,
    row.wrapped,
    nowMs,
  );
}

export function countBranches(database: Database, keyId: string): number {
  const row = database.get<{ n: number }>(
    "SELECT count(*) AS n FROM branches WHERE key_id = ?",
    keyId,
  );
  return row?.n ?? 0;
}

/** Takes the wrapped bytes away; SQLite overwrites them (secure_delete). The ids stay. Only inside a commit. */
export function eraseBranches(database: Database, keyId: string): void {
  database.run("UPDATE branches SET wrapped = NULL WHERE key_id = ?", keyId);
}
