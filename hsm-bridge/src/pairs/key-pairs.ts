/** Private keys of asymmetric CMKs: in the store where it keeps their kind, else sealed under the version's object and opened per use. */

import {
  isDigestOf,
  type RsaDecryptAlgorithm,
  type SignAlgorithm,
  signAlgorithmRows,
} from "@edge-kms/protocol";
import type { Bridge } from "../bridge.ts";
import { encodeFields, wipe } from "../bytes.ts";
import { asMissingObject, BridgeError } from "../errors.ts";
import type { PairKind } from "../key-store.ts";
import { findVersion, type KeyName, type KeyRow, type VersionRow } from "../registry/keys.ts";
import { findPair, type PairRow } from "../registry/pairs.ts";
import { derSignature, digestOf } from "./digests.ts";
import { type KeyPairKind, kindOfUsage, paddingOf, schemeOf } from "./usages.ts";
import { decryptRsa, decryptSm2, makePair, signDigest, signSm2 } from "./wrapped-pair.ts";

/** Everything that the key belongs to, so that sealed bytes moved to another row do not open. */
export const privateKeyAssociatedData = (
  { account, region, keyId }: KeyName,
  usage: PairRow["usage"],
) => encodeFields("edge-kms/private-key/1", [account, region, keyId, "1", usage]);

/** The store keeps pairs of the kind, and this one was not sealed. */
const isInStore = ({ store }: Bridge, kind: KeyPairKind, { wrapped }: PairRow): boolean =>
  wrapped === null && store.pairs.has(kind as PairKind);

/** Makes the pair of a new key under this object id. */
export async function makeStoredPair(
  bridge: Bridge,
  name: KeyName & { readonly usage: PairRow["usage"] },
  objectId: string,
): Promise<Pick<PairRow, "publicKey" | "wrapped">> {
  const { store } = bridge;
  const kind = kindOfUsage[name.usage];
  // In one of several tokens it would be lost with that one.
  if (store.pairs.has(kind as PairKind) && !store.isReplicated) {
    const publicKey = await store.generatePair(objectId, kind as PairKind);
    return { publicKey, wrapped: null };
  }
  await store.generateAesKey(objectId);
  const { publicKey, privateKey } = await makePair(store, kind);
  try {
    const aad = privateKeyAssociatedData(name, name.usage);
    const wrapped = await store.aesGcmEncrypt(objectId, privateKey, aad);
    // A private key that does not come back would be lost for ever: proven before it is answered.
    wipe(await store.aesGcmDecrypt(objectId, wrapped, aad));
    return { publicKey, wrapped };
  } finally {
    wipe(privateKey);
  }
}

export interface UsedPair {
  readonly name: KeyName;
  readonly version: VersionRow;
  readonly pair: PairRow;
}

/** The pair of an asymmetric key. `bad-request` for any other key. */
export function requirePair({ database }: Bridge, key: KeyRow): UsedPair {
  const pair = findPair(database, key.keyId);
  const version = pair === null ? null : findVersion(database, key.keyId, pair.version);
  if (pair === null || version === null) throw wrongUsage();
  return { name: key, version, pair };
}

/** Runs `work` with an opened private key, and wipes it. */
async function withPrivateKey<T>(
  { store }: Bridge,
  { name, version, pair }: UsedPair,
  work: (privateKey: Uint8Array) => T,
): Promise<T> {
  if (pair.wrapped === null) throw new BridgeError("destroyed", "The key is destroyed.");
  const privateKey = await store
    .aesGcmDecrypt(version.objectId, pair.wrapped, privateKeyAssociatedData(name, pair.usage))
    .catch((error: unknown) => {
      throw asMissingObject(error, version.objectId);
    });
  try {
    return work(privateKey);
  } finally {
    wipe(privateKey);
  }
}

/** The plaintext, the caller's to wipe. `not-authentic` for whatever does not decrypt. */
export async function decryptWithPair(
  bridge: Bridge,
  used: UsedPair,
  algorithm: RsaDecryptAlgorithm | "SM2",
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  const kind = kindOfUsage[used.pair.usage];
  if (algorithm === "SM2") {
    requireKind(kind, "sm2-decrypt");
    return withPrivateKey(bridge, used, (key) => decryptSm2(key, ciphertext));
  }
  requireKind(kind, "rsa-2048-decrypt");
  const padding = paddingOf[algorithm];
  if (!isInStore(bridge, kind, used.pair)) {
    return withPrivateKey(bridge, used, (key) => decryptRsa(key, padding, ciphertext));
  }
  try {
    return await bridge.store.rsaDecrypt(used.version.objectId, padding, ciphertext);
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== "corrupt") {
      throw asMissingObject(error, used.version.objectId);
    }
    throw new BridgeError("not-authentic", "The ciphertext does not decrypt.");
  }
}

/** The signature as the API answers it: 256 bytes for RSA, SEQUENCE { r, s } in DER for the others. */
export async function signWithPair(
  bridge: Bridge,
  used: UsedPair,
  algorithm: SignAlgorithm,
  message: Uint8Array,
  isDigest: boolean,
): Promise<Uint8Array> {
  const { pair } = used;
  if (signAlgorithmRows[algorithm].usage !== pair.usage) throw wrongUsage();
  if (isDigest && !isDigestOf(algorithm, message)) {
    throw new BridgeError("bad-request", "The digest is not as long as the algorithm's.");
  }
  const kind = kindOfUsage[pair.usage];
  const scheme = schemeOf[algorithm];
  const digest = isDigest ? message : digestOf(algorithm, pair.publicKey, message);
  if (scheme === "sm2") return withPrivateKey(bridge, used, (key) => signSm2(key, digest));
  const signature = isInStore(bridge, kind, pair)
    ? await bridge.store.sign(used.version.objectId, scheme, digest).catch((error: unknown) => {
        throw asMissingObject(error, used.version.objectId);
      })
    : await withPrivateKey(bridge, used, (key) => signDigest(kind, key, scheme, digest));
  return scheme === "ecdsa" ? derSignature(signature) : signature;
}

function requireKind(kind: KeyPairKind, wanted: KeyPairKind): void {
  if (kind !== wanted) throw wrongUsage();
}

function wrongUsage(): BridgeError {
  return new BridgeError("bad-request", "The key is not one for this algorithm.");
}
