/**
 * What is remembered of imported material: HMAC-SHA256 (FIPS 198-1) of key id and material, under a random key that is sealed in the
 * registry. It tells the same material again and nothing else to whoever has the registry alone.
 */

import { createHmac } from "node:crypto";
import type { Bridge } from "../bridge.ts";
import { encodeFields, wipe } from "../bytes.ts";
import { asMissingObject } from "../errors.ts";
import { readMeta, writeMeta } from "../registry/meta.ts";

export const fingerprintKeyAssociatedData = encodeFields("edge-kms/fingerprint-key/1", []);
const KEY_BYTES = 32;

/** 32 bytes. `material` stays the caller's. */
export async function fingerprintOf(
  bridge: Bridge,
  keyId: string,
  material: Uint8Array,
): Promise<Buffer> {
  const key = await openKey(bridge);
  try {
    return createHmac("sha256", key)
      .update(encodeFields("", [keyId]))
      .update(material)
      .digest();
  } finally {
    wipe(key);
  }
}

async function openKey(bridge: Bridge): Promise<Uint8Array> {
  const { database, store, sealingObject } = bridge;
  const sealed = readMeta(database, "fingerprint-key-sealed");
  if (sealed !== null) {
    return store
      .aesGcmDecrypt(sealingObject, sealed, fingerprintKeyAssociatedData)
      .catch((error: unknown) => {
        throw asMissingObject(error, sealingObject);
      });
  }
  const key = await store.random(KEY_BYTES);
  const fresh = await store.aesGcmEncrypt(sealingObject, key, fingerprintKeyAssociatedData);
  // Two first imports at once: one key stays, and both use it.
  const isOurs = await database.commit(() => {
    if (readMeta(database, "fingerprint-key-sealed") !== null) return false;
    writeMeta(database, "fingerprint-key-sealed", fresh);
    return true;
  });
  if (isOurs) return key;
  wipe(key);
  return openKey(bridge);
}
