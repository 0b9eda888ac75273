/**
 * Takes wrapped material in (design §4 "Import"): unwrapped under the pair that the token names, of the suite's length, the same as
 * before if there was any. Three failures end the token and its pair; many failures of a key in an hour are too many.
 */

import { base64Decode, equalBytes, hexEncode } from "@edge-kms/protocol";
import type { Bridge, Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { BridgeError } from "../errors.ts";
import { fingerprintOf } from "../imports/fingerprint.ts";
import { COUNTED_MS, endImportPair, unwrapMaterial } from "../imports/import-pairs.ts";
import { decodeToken } from "../imports/token.ts";
import {
  countFailure,
  failuresSince,
  findFingerprint,
  findImportPair,
  type ImportPairRow,
  insertFingerprint,
} from "../registry/imports.ts";
import {
  insertVersion,
  type KeyRow,
  setVersionObject,
  type VersionRow,
  versionsOf,
} from "../registry/keys.ts";
import { appendLog } from "../registry/log.ts";
import { createObjectBy, findObject } from "../registry/objects.ts";
import { requireExternalKey } from "./require-external-key.ts";

/** GB/T 32907 and the contract: 16 bytes in SM4 regions, 32 in AES ones. */
const materialBytes = { 1: 32, 2: 16 } as const;
const MAX_FAILURES_OF_TOKEN = 3;
const MAX_FAILURES_OF_KEY = 10;

export const importMaterial: Operation<"importMaterial"> = (bridge, request, { role }) =>
  bridge.keyLocks.run(request.keyId, async () => {
    const key = requireExternalKey(bridge, request);
    const sinceMs = bridge.clock() - COUNTED_MS;
    if (failuresSince(bridge.database, key.keyId, sinceMs) >= MAX_FAILURES_OF_KEY) {
      throw new BridgeError("too-many-failures", "Too many imports into this key have failed.");
    }
    const row = await pairOf(bridge, key, request.token);
    const material = await openMaterial(bridge, key, row, base64Decode(request.material));
    try {
      const fingerprint = await fingerprintOf(bridge, key.keyId, material);
      const known = findFingerprint(bridge.database, key.keyId);
      if (known !== null && !equalBytes(known, fingerprint)) {
        return await fail(bridge, row, "import-mismatch", "The key had other material before.");
      }
      await take(bridge, key, material, fingerprint, known === null, role);
      return { version: 1, store: bridge.store.kind };
    } finally {
      wipe(material);
    }
  });

/** The pair that a valid token of this key names. */
async function pairOf(bridge: Bridge, key: KeyRow, token: string): Promise<ImportPairRow> {
  const content = decodeToken(bridge, token);
  const row = content === null ? null : findImportPair(bridge.database, content.importId);
  const isOfKey =
    content !== null &&
    content.keyId === key.keyId &&
    content.account === key.account &&
    content.region === key.region &&
    content.expiresAtMs > bridge.clock();
  if (row === null || !isOfKey || row.keyId !== key.keyId || row.algorithm !== content.algorithm) {
    throw new BridgeError("import-token", "The token is not one of this key, or has ended.");
  }
  return row;
}

/** Material of the right length, the caller's to wipe. */
async function openMaterial(
  bridge: Bridge,
  key: KeyRow,
  row: ImportPairRow,
  wrapped: Uint8Array | null,
): Promise<Uint8Array> {
  const rejected = () =>
    fail(bridge, row, "import-rejected", "The material does not unwrap, or has another length.");
  if (wrapped === null) return rejected();
  let material: Uint8Array;
  try {
    material = await unwrapMaterial(bridge, row, wrapped);
  } catch (error) {
    const code = error instanceof BridgeError ? error.code : null;
    if (code !== "corrupt" && code !== "not-authentic") throw error;
    return rejected();
  }
  if (material.length === materialBytes[key.suite ?? 1]) return material;
  wipe(material);
  return rejected();
}

async function fail(
  bridge: Bridge,
  row: ImportPairRow,
  code: "import-rejected" | "import-mismatch",
  message: string,
): Promise<never> {
  const { database } = bridge;
  const nowMs = bridge.clock();
  const failures = await database.commit(() => {
    appendLog(database, nowMs, "material-rejected", "bridge", { keyId: row.keyId, reason: code });
    return countFailure(database, row, nowMs);
  });
  if (failures >= MAX_FAILURES_OF_TOKEN) await endImportPair(bridge, row);
  throw new BridgeError(code, message);
}

/** Makes the object, unless the very material is there. */
async function take(
  bridge: Bridge,
  key: KeyRow,
  material: Uint8Array,
  fingerprint: Uint8Array,
  isFirst: boolean,
  role: Parameters<typeof appendLog>[3],
): Promise<void> {
  const { database, store } = bridge;
  const version: VersionRow | undefined = versionsOf(database, key.keyId)[0];
  const isThere =
    version !== undefined && findObject(database, version.objectId)?.state === "ready";
  if (isThere) return;
  const nowMs = bridge.clock();
  const make = (objectId: string) => store.importAesKey(objectId, material);
  await createObjectBy(database, store, "key-version", nowMs, make, (objectId) => {
    // A freeze or an end may have come while the store was at work.
    requireExternalKey(bridge, key);
    if (version === undefined) insertVersion(database, key.keyId, 1, objectId, nowMs);
    else setVersionObject(database, key.keyId, version.version, objectId);
    if (isFirst) insertFingerprint(database, key.keyId, fingerprint);
    appendLog(database, nowMs, "material-imported", role, {
      account: key.account,
      region: key.region,
      keyId: key.keyId,
      version: 1,
      fingerprint: hexEncode(fingerprint).slice(0, 16),
      store: store.kind,
    });
  });
}
