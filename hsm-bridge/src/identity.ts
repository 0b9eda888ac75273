/**
 * The bridge's identity: the Ed25519 key that signs grants. Its seed is sealed under an HSM-held key in the registry, so a
 * registry under another token does not open and a stolen registry signs nothing.
 */

import type { KeyObject } from "node:crypto";
import {
  type Bytes,
  base64Encode,
  preAuthenticationEncoding,
  type SignedMessage,
  type SignedMessageType,
  utf8Encode,
} from "@edge-kms/protocol";
import { encodeFields, wipe } from "./bytes.ts";
import { importPrivateKey, rawPublicKey, SEED_BYTES, signBytes } from "./ed25519.ts";
import { BridgeError, StartupError } from "./errors.ts";
import type { KeyStore } from "./key-store.ts";
import type { Database } from "./registry/database.ts";
import { readMeta, writeMeta } from "./registry/meta.ts";
import { createObject, systemObject } from "./registry/objects.ts";

export interface Identity {
  /** Raw 32 bytes. */
  readonly publicKey: Bytes;
  /** Signs a JSON payload as a message of this type (DSSE v1). */
  sign(type: SignedMessageType, payload: object): SignedMessage;
}

export const identityAssociatedData = encodeFields("edge-kms/bridge-identity/1", []);

/** Opens the identity, or makes it in a new registry. */
export async function openIdentity(
  database: Database,
  store: KeyStore,
  nowMs: number,
): Promise<Identity> {
  const sealed = readMeta(database, "identity-sealed");
  const object = systemObject(database, "identity");
  if (sealed === null) return createIdentity(database, store, object, nowMs);
  if (object === null) throw doesNotOpen();
  let seed: Bytes;
  try {
    seed = await store.aesGcmDecrypt(object, sealed, identityAssociatedData);
  } catch (error) {
    throw isUnavailable(error) ? isAway(error) : doesNotOpen(error);
  }
  const identity = identityOf(seed);
  const recorded = readMeta(database, "identity-public");
  if (recorded === null || !Buffer.from(identity.publicKey).equals(recorded)) throw doesNotOpen();
  return identity;
}

async function createIdentity(
  database: Database,
  store: KeyStore,
  existing: string | null,
  nowMs: number,
): Promise<Identity> {
  const object =
    existing ?? (await createObject(database, store, "identity", nowMs, (objectId) => objectId));
  const seed = await store.random(SEED_BYTES);
  const sealed = await store.aesGcmEncrypt(object, seed, identityAssociatedData);
  const identity = identityOf(seed);
  await database.commit(() => {
    writeMeta(database, "identity-sealed", sealed);
    writeMeta(database, "identity-public", identity.publicKey);
  });
  return identity;
}

/** Wipes the seed. The private key stays in the memory of this process (OpenSSL's, not the JavaScript heap). */
function identityOf(seed: Bytes): Identity {
  let privateKey: KeyObject;
  try {
    privateKey = importPrivateKey(seed);
  } finally {
    wipe(seed);
  }
  return {
    publicKey: rawPublicKey(privateKey),
    sign(type, payload) {
      const bytes = utf8Encode(JSON.stringify(payload));
      return {
        type,
        payload: base64Encode(bytes),
        signature: base64Encode(signBytes(privateKey, preAuthenticationEncoding(type, bytes))),
      };
    },
  };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof BridgeError && error.code === "hsm-unavailable";
}

function isAway(cause: unknown): StartupError {
  return new StartupError("No token that could open the bridge's identity serves just now.", cause);
}

function doesNotOpen(cause?: unknown): StartupError {
  return new StartupError(
    "The bridge's identity in the registry does not open: registry and key store do not belong together, or one is damaged.",
    cause,
  );
}
