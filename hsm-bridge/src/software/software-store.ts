/**
 * KeyStore over an encrypted file, for development and embedding. NO HSM: keys are in this process's memory while it
 * runs. It says so at every start, its kind stands in every grant, and production mode refuses it unless flagged.
 */

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { readdir, readFile, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Bytes, concatBytes, hexDecode } from "@edge-kms/protocol";
import { ownBytes, wipe } from "../bytes.ts";
import { BridgeError, StartupError } from "../errors.ts";
import { fileExists, makePrivateDirectory, writeFileDurably } from "../files.ts";
import {
  checkAesKey,
  checkObjectId,
  checkPlaintextLength,
  checkRandomLength,
  GCM_NONCE_BYTES,
  GCM_TAG_BYTES,
  type KeyStore,
  type PairKind,
  proveBy,
} from "../key-store.ts";
import { gcmKnownAnswer } from "../known-answer.ts";
import type { Logger } from "../log.ts";
import { newHeader, obtainFileKey } from "./file-key.ts";
import { KEY_BYTES, openKeys, readHeader, sealKeys } from "./format.ts";

export interface SoftwareStoreOptions {
  /** Holds `software-store.sealed` and, without a passphrase, `software-store.key`. Made when absent. */
  readonly directory: string;
  /** Null: the key is held in a file. */
  readonly passphrase?: string | null;
  readonly logger: Logger;
}

const NO_HSM =
  "THE SOFTWARE KEY STORE IS NO HSM: master keys are in a file and in process memory; for development only";

/** Opens the store, or makes an empty one. StartupError when it is damaged or its key is missing or wrong. */
export async function openSoftwareStore(options: SoftwareStoreOptions): Promise<KeyStore> {
  options.logger.warn(NO_HSM);
  await makePrivateDirectory(options.directory);
  const path = join(options.directory, "software-store.sealed");
  const keyFile = join(options.directory, "software-store.key");
  await removeLeftovers(path);
  const passphrase = options.passphrase ?? null;
  const isNew = !(await fileExists(path));
  const file = isNew ? null : await readFile(path);
  const header = file === null ? newHeader(passphrase) : readHeader(file);
  if (header === null) throw damaged(path);
  const fileKey = await obtainFileKey(header, keyFile, passphrase, isNew);
  const keys = new Map<string, KeyObject>();
  const sealingKey = createSecretKey(fileKey);
  try {
    if (file !== null) {
      const opened = openKeys(file, fileKey);
      if (opened === null) throw damaged(path);
      for (const [id, key] of opened) {
        keys.set(id, createSecretKey(key));
        wipe(key);
      }
    }
  } finally {
    wipe(fileKey);
  }

  /** The file is replaced before the change is visible to any call, so an acknowledged key is a written one. */
  const save = async (next: ReadonlyMap<string, KeyObject>): Promise<void> => {
    const exported = new Map([...next].map(([id, key]) => [id, key.export()]));
    const fileKeyCopy = sealingKey.export();
    let sealed: Uint8Array;
    try {
      sealed = sealKeys(header, fileKeyCopy, exported);
    } finally {
      wipe(fileKeyCopy, ...exported.values());
    }
    await writeFileDurably(path, sealed, 0o600);
  };
  if (isNew) await save(keys);
  return softwareStore(keys, save);
}

function softwareStore(
  keys: Map<string, KeyObject>,
  save: (next: ReadonlyMap<string, KeyObject>) => Promise<void>,
): KeyStore {
  let isClosed = false;
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One write at a time, each seeing the one before. */
  const write = <T>(task: () => Promise<T>): Promise<T> => {
    const run = lastWrite.then(task);
    lastWrite = run.catch(() => {});
    return run;
  };
  const writeKeys = async (next: Map<string, KeyObject>): Promise<void> => {
    try {
      await save(next);
    } catch (cause) {
      throw new BridgeError("hsm-unavailable", "The software store cannot be written.", { cause });
    }
  };
  const requireOpen = (): void => {
    if (isClosed) throw new BridgeError("hsm-unavailable", "The key store is closed.");
  };
  const keyOf = (id: string): KeyObject => {
    checkObjectId(id);
    const key = keys.get(id);
    if (key === undefined) throw new BridgeError("not-found", "The store has no such object.");
    return key;
  };

  return {
    kind: "software",
    isReplicated: false,

    async generateAesKey(id) {
      requireOpen();
      checkObjectId(id);
      await write(async () => {
        if (keys.has(id)) throw new BridgeError("conflict", "The store has an object of that id.");
        const bytes = randomBytes(KEY_BYTES);
        const key = createSecretKey(bytes);
        wipe(bytes);
        await writeKeys(new Map([...keys, [id, key]]));
        keys.set(id, key);
      });
    },

    async aesGcmEncrypt(id, plaintext, associatedData) {
      requireOpen();
      checkPlaintextLength(plaintext);
      const nonce = randomBytes(GCM_NONCE_BYTES);
      return concatBytes(nonce, gcmEncrypt(keyOf(id), nonce, plaintext, associatedData));
    },

    async aesGcmDecrypt(id, sealed, associatedData) {
      requireOpen();
      return gcmDecrypt(keyOf(id), sealed, associatedData);
    },

    async importAesKey(id, bytes) {
      requireOpen();
      checkObjectId(id);
      checkAesKey(bytes);
      await write(async () => {
        if (keys.has(id)) throw new BridgeError("conflict", "The store has an object of that id.");
        const key = createSecretKey(bytes);
        await writeKeys(new Map([...keys, [id, key]]));
        keys.set(id, key);
      });
    },

    tokens: [],
    pairs: new Set<PairKind>(),
    generatePair: noPairs,
    rsaDecrypt: noPairs,
    sign: noPairs,

    async destroyKey(id) {
      requireOpen();
      checkObjectId(id);
      return write(async () => {
        if (!keys.has(id)) return false;
        const next = new Map(keys);
        next.delete(id);
        await writeKeys(next);
        return keys.delete(id);
      });
    },

    async hasObject(id) {
      requireOpen();
      checkObjectId(id);
      return keys.has(id);
    },

    async removeHollowObjects() {
      requireOpen();
      return 0;
    },

    async listObjects() {
      requireOpen();
      await lastWrite;
      return [...keys.keys()].map((id) => ({ id, label: null }));
    },

    async random(byteCount) {
      requireOpen();
      checkRandomLength(byteCount);
      return ownBytes(randomBytes(byteCount));
    },

    prove(id) {
      return proveBy(this, id);
    },

    async selfTest() {
      requireOpen();
      const { key, nonce, aad, plaintext, sealed } = gcmKnownAnswer;
      const testKey = createSecretKey(hexDecode(key) as Uint8Array);
      const iv = hexDecode(nonce) as Uint8Array;
      const data = hexDecode(aad) as Uint8Array;
      const got = gcmEncrypt(testKey, iv, hexDecode(plaintext) as Uint8Array, data);
      const whole = concatBytes(iv, got);
      whole[whole.length - 1] = (whole[whole.length - 1] as number) ^ 1;
      let isRefused = false;
      try {
        gcmDecrypt(testKey, whole, data);
      } catch {
        isRefused = true;
      }
      if (Buffer.from(got).toString("hex") !== sealed || !isRefused) {
        throw new StartupError("The AES-GCM of this Node fails its known-answer test.");
      }
      return { aesGcm: "known answer verified", wrongTag: "refused", isHsm: false };
    },

    async close() {
      isClosed = true;
      await lastWrite;
      keys.clear();
    },
  };
}

/** Private keys are kept wrapped (`key-pairs.ts`), not here. */
async function noPairs(): Promise<never> {
  throw new BridgeError("internal", "The software store keeps no pairs.");
}

/** AES-GCM in the key's own length. `ciphertext || tag(16)`. */
function gcmEncrypt(
  key: KeyObject,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  aad: Uint8Array,
): Bytes {
  const cipher = createCipheriv(cipherOf(key), key, nonce);
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return concatBytes(ciphertext, cipher.getAuthTag());
}

function gcmDecrypt(key: KeyObject, sealed: Uint8Array, aad: Uint8Array): Bytes {
  if (sealed.length <= GCM_NONCE_BYTES + GCM_TAG_BYTES) throw doesNotOpen();
  const end = sealed.length - GCM_TAG_BYTES;
  const decipher = createDecipheriv(cipherOf(key), key, sealed.subarray(0, GCM_NONCE_BYTES), {
    authTagLength: GCM_TAG_BYTES,
  });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  // OpenSSL writes plaintext before it has seen the tag: it stays in this buffer until final() agrees.
  const plaintext = decipher.update(sealed.subarray(GCM_NONCE_BYTES, end));
  try {
    decipher.final();
    return ownBytes(plaintext);
  } catch {
    throw doesNotOpen();
  } finally {
    wipe(plaintext);
  }
}

function cipherOf(key: KeyObject): "aes-128-gcm" | "aes-256-gcm" {
  return key.symmetricKeySize === 16 ? "aes-128-gcm" : "aes-256-gcm";
}

function doesNotOpen(): BridgeError {
  return new BridgeError("corrupt", "The sealed bytes do not open.");
}

function damaged(path: string): StartupError {
  return new StartupError(
    `The software store ${path} is damaged, or its key or passphrase is not the one it was sealed with.`,
  );
}

/** Temporary files of writes that a crash cut off: never renamed, so never acknowledged. */
async function removeLeftovers(path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp")) {
      await unlink(join(dirname(path), name));
    }
  }
}
