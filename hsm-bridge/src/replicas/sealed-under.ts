/**
 * All that the registry holds sealed under one object, each with its associated data: what a token must be given with a copy of the
 * object. Not SecretKeys, which are the control plane's to keep: they are wrapped for a further token when they are next opened.
 */

import { branchAssociatedData } from "../branch-keys.ts";
import { identityAssociatedData } from "../identity.ts";
import { fingerprintKeyAssociatedData } from "../imports/fingerprint.ts";
import { importPairAssociatedData } from "../imports/import-pairs.ts";
import { privateKeyAssociatedData } from "../pairs/key-pairs.ts";
import type { Database } from "../registry/database.ts";
import { findImportPairByObject } from "../registry/imports.ts";
import { branchesUnder, findKey, findKeyByObject } from "../registry/keys.ts";
import { readMeta } from "../registry/meta.ts";
import { findObject } from "../registry/objects.ts";
import { findPair } from "../registry/pairs.ts";
import type { Sealed } from "./replicated-store.ts";

export function sealedUnder(database: Database, objectId: string): Sealed[] {
  switch (findObject(database, objectId)?.purpose) {
    case "identity":
      return present(readMeta(database, "identity-sealed"), identityAssociatedData);
    case "sealing":
      return present(readMeta(database, "fingerprint-key-sealed"), fingerprintKeyAssociatedData);
    case "key-version":
      return [...ofImportPair(database, objectId), ...ofVersion(database, objectId)];
    default:
      return [];
  }
}

function ofImportPair(database: Database, objectId: string): Sealed[] {
  const row = findImportPairByObject(database, objectId);
  if (row === null) return [];
  return present(row.wrapped, importPairAssociatedData(row.importId, row.keyId));
}

function ofVersion(database: Database, objectId: string): Sealed[] {
  const keyId = findKeyByObject(database, objectId);
  const key = keyId === null ? null : findKey(database, keyId);
  if (key === null) return [];
  const pair = findPair(database, key.keyId);
  return [
    ...(pair === null ? [] : present(pair.wrapped, privateKeyAssociatedData(key, pair.usage))),
    ...branchesUnder(database, objectId).flatMap((row) =>
      present(row.wrapped, branchAssociatedData(key, row)),
    ),
  ];
}

function present(sealed: Uint8Array | null, associatedData: Uint8Array): Sealed[] {
  return sealed === null ? [] : [{ sealed, associatedData }];
}
