/**
 * Objects in the key store, written down before they are made: `creating` → made → `ready`. Exactly
 * `creating` ones that nobody is at any more may be removed; an object in no row is somebody else's or from a lost registry, and stays.
 */

import { randomBytes } from "node:crypto";
import type { KeyStore } from "../key-store.ts";
import type { Database } from "./database.ts";

export type ObjectPurpose = "identity" | "sealing" | "probe" | "key-version";
export type ObjectState = "creating" | "ready" | "destroying" | "destroyed";

export interface ObjectRow {
  readonly object_id: string;
  readonly purpose: ObjectPurpose;
  readonly state: ObjectState;
}

/**
 * Makes an object in the store. `complete` runs in the transaction that makes it ready, so object and what it is for
 * become true together; if anything fails before, the object is removed now or by the upkeep.
 */
export async function createObject<T>(
  database: Database,
  store: KeyStore,
  purpose: ObjectPurpose,
  nowMs: number,
  complete: (objectId: string) => T,
): Promise<T> {
  const make = (objectId: string) => store.generateAesKey(objectId);
  return createObjectBy(database, store, purpose, nowMs, make, complete);
}

/** Ids of objects that are being made: a row in `creating` that is not among them is what a failure left. */
const creations = new WeakMap<Database, Set<string>>();

function creationsOf(database: Database): Set<string> {
  let ids = creations.get(database);
  if (ids === undefined) {
    ids = new Set();
    creations.set(database, ids);
  }
  return ids;
}

/** Rows of creations that have ended without completing. */
export function unfinishedObjects(database: Database): ObjectRow[] {
  const underWay = creationsOf(database);
  return objectsInState(database, "creating").filter(({ object_id: id }) => !underWay.has(id));
}

/** As {@link createObject}, for an object that `make` makes under the id it is given. */
export async function createObjectBy<T, M>(
  database: Database,
  store: KeyStore,
  purpose: ObjectPurpose,
  nowMs: number,
  make: (objectId: string) => Promise<M>,
  complete: (objectId: string, made: M) => T,
): Promise<T> {
  // Never reused, so a half-made object of an earlier attempt is never taken for this one.
  const objectId = `ek-${purpose}-${randomBytes(16).toString("hex")}`;
  const underWay = creationsOf(database);
  underWay.add(objectId);
  try {
    await database.commit(() =>
      database.run(
        "INSERT INTO objects (object_id, purpose, state, created_at_ms) VALUES (?, ?, 'creating', ?)",
        objectId,
        purpose,
        nowMs,
      ),
    );
    const made = await make(objectId);
    return await database.commit(() => {
      setObjectState(database, objectId, "ready");
      return complete(objectId, made);
    });
  } catch (error) {
    await removeUnfinished(database, store, objectId).catch(() => {});
    throw error;
  } finally {
    underWay.delete(objectId);
  }
}

/** Destroys an object whose creation never completed. Left to the upkeep when the store is out of reach. */
export async function removeUnfinished(
  database: Database,
  store: KeyStore,
  objectId: string,
): Promise<boolean> {
  if (findObject(database, objectId)?.state !== "creating") return false;
  const wasThere = await store.destroyKey(objectId);
  await database.commit(() => setObjectState(database, objectId, "destroyed"));
  return wasThere;
}

/** Carries out a destruction that is written down (`destroying`). Repeating it is harmless. */
export async function finishDestruction(
  database: Database,
  store: KeyStore,
  objectId: string,
): Promise<void> {
  await store.destroyKey(objectId);
  await database.commit(() => setObjectState(database, objectId, "destroyed"));
}

export function findObject(database: Database, objectId: string): ObjectRow | null {
  return database.get<ObjectRow>(
    "SELECT object_id, purpose, state FROM objects WHERE object_id = ?",
    objectId,
  );
}

export function objectsInState(database: Database, state: ObjectState): ObjectRow[] {
  return database.all<ObjectRow>(
    "SELECT object_id, purpose, state FROM objects WHERE state = ?",
    state,
  );
}

/** The one ready object of a purpose that has only one. */
export function systemObject(database: Database, purpose: ObjectPurpose): string | null {
  const row = database.get<ObjectRow>(
    "SELECT object_id, purpose, state FROM objects WHERE purpose = ? AND state = 'ready'",
    purpose,
  );
  return row?.object_id ?? null;
}

/** Only inside a commit. */
export function setObjectState(database: Database, objectId: string, state: ObjectState): void {
  database.run("UPDATE objects SET state = ? WHERE object_id = ?", state, objectId);
}

/** Records an object this registry does not know. True the first time. Only inside a commit. */
export function quarantine(
  database: Database,
  objectId: string,
  label: string,
  count: number,
  nowMs: number,
): boolean {
  const known = database.run(
    "UPDATE quarantine SET last_seen_at_ms = ?, count = ? WHERE object_id = ? AND label = ?",
    nowMs,
    count,
    objectId,
    label,
  );
  if (known > 0) return false;
  database.run(
    "INSERT INTO quarantine (object_id, label, first_seen_at_ms, last_seen_at_ms, count) VALUES (?, ?, ?, ?, ?)",
    objectId,
    label,
    nowMs,
    nowMs,
    count,
  );
  return true;
}
