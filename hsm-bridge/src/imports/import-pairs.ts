/** The RSA pairs that material is wrapped with: made for one key and algorithm, ended after a day or three failures. */

import { randomBytes } from "node:crypto";
import type { WrappingAlgorithm } from "@edge-kms/protocol";
import type { Bridge } from "../bridge.ts";
import { encodeFields, wipe } from "../bytes.ts";
import { BridgeError, toBridgeError } from "../errors.ts";
import { paddingOf } from "../pairs/usages.ts";
import { decryptRsa, makePair } from "../pairs/wrapped-pair.ts";
import {
  type ImportPairRow,
  importPairsOf,
  insertImportPair,
  pairsMadeSince,
  removeImportPair,
} from "../registry/imports.ts";
import type { KeyRow } from "../registry/keys.ts";
import { createObjectBy, finishDestruction, setObjectState } from "../registry/objects.ts";

const KIND = "rsa-2048-decrypt";
/** Contract §3.6: good for 24 hours. */
const LIFE_MS = 86_400_000;
/** Of one key at a time; the oldest ends when another is asked for. */
const MAX_PAIRS = 5;
/** Of one key in an hour: each is work of the HSM. */
const MAX_PAIRS_MADE = 30;
/** Failures of a key, and pairs made for it, are counted over so long. */
export const COUNTED_MS = 3_600_000;

export const importPairAssociatedData = (importId: string, keyId: string) =>
  encodeFields("edge-kms/import-pair/1", [importId, keyId]);

/** Makes a pair; answers its row and public key (SubjectPublicKeyInfo in DER). `too-many-failures` for too many in an hour. */
export async function makeImportPair(
  bridge: Bridge,
  key: KeyRow,
  algorithm: WrappingAlgorithm,
): Promise<{ readonly row: ImportPairRow; readonly publicKey: Uint8Array }> {
  const { database, store } = bridge;
  const nowMs = bridge.clock();
  if (pairsMadeSince(database, key.keyId, nowMs - COUNTED_MS) >= MAX_PAIRS_MADE) {
    throw new BridgeError("too-many-failures", "Too many pairs for this key's imports were made.");
  }
  const others = importPairsOf(database, key.keyId);
  for (const old of others.slice(0, Math.max(0, others.length - MAX_PAIRS + 1))) {
    await endImportPair(bridge, old);
  }
  const importId = randomBytes(16).toString("hex");
  const make = async (objectId: string) => {
    if (store.pairs.has(KIND)) {
      return { publicKey: await store.generatePair(objectId, KIND), wrapped: null };
    }
    await store.generateAesKey(objectId);
    const { publicKey, privateKey } = await makePair(store, KIND);
    try {
      const aad = importPairAssociatedData(importId, key.keyId);
      return { publicKey, wrapped: await store.aesGcmEncrypt(objectId, privateKey, aad) };
    } finally {
      wipe(privateKey);
    }
  };
  return createObjectBy(database, store, "key-version", nowMs, make, (objectId, made) => {
    const row: ImportPairRow = {
      importId,
      keyId: key.keyId,
      algorithm,
      objectId,
      wrapped: made.wrapped,
      expiresAtMs: nowMs + LIFE_MS,
      failures: 0,
    };
    insertImportPair(database, row, nowMs);
    return { row, publicKey: made.publicKey };
  });
}

/** The material, the caller's to wipe. `corrupt` or `not-authentic` for what does not unwrap. */
export async function unwrapMaterial(
  { store }: Bridge,
  row: ImportPairRow,
  wrapped: Uint8Array,
): Promise<Uint8Array> {
  const padding = paddingOf[row.algorithm];
  if (row.wrapped === null) return store.rsaDecrypt(row.objectId, padding, wrapped);
  const aad = importPairAssociatedData(row.importId, row.keyId);
  const privateKey = await store.aesGcmDecrypt(row.objectId, row.wrapped, aad);
  try {
    return decryptRsa(privateKey, padding, wrapped);
  } finally {
    wipe(privateKey);
  }
}

type PairsBridge = Pick<Bridge, "database" | "store" | "logger">;

/** Writes down that a pair ends; from then on no token names it. Only inside a commit. */
export function decideEndOfPair(database: Bridge["database"], row: ImportPairRow): void {
  removeImportPair(database, row.importId);
  setObjectState(database, row.objectId, "destroying");
}

/** Destroys what a pair that has ended left in the store. What the store fails to do now the upkeep does later. */
export async function destroyPairObject(
  { database, store, logger }: PairsBridge,
  { objectId }: ImportPairRow,
): Promise<void> {
  try {
    await finishDestruction(database, store, objectId);
  } catch (error) {
    logger.warn("an import pair that has ended stays in the store for now", {
      objectId,
      code: toBridgeError(error).code,
    });
  }
}

export async function endImportPair(bridge: PairsBridge, row: ImportPairRow): Promise<void> {
  await bridge.database.commit(() => decideEndOfPair(bridge.database, row));
  await destroyPairObject(bridge, row);
}
