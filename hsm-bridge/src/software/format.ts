/**
 * The software store's file, version 2. Integers big-endian.
 *
 *     "EKMS"(4) | version(1) = 2 | keySource(1) | salt(16) | nonce(12) | ciphertext | tag(16)
 *
 * keySource 0: the file key is 32 random bytes in a file of its own; salt is zero. keySource 1: the file key is
 * scrypt(passphrase, salt, N = 2^17, r = 8, p = 1, 32 bytes), RFC 7914. The seal is AES-256-GCM (SP 800-38D) with a fresh
 * random nonce per write and everything before the ciphertext as associated data. The plaintext:
 *
 *     count(u32) | count × ( idLength(u8) | id | keyLength(u8) | key )      ids ascending, no id twice, keys of 16 or 32 bytes
 *
 * Version 1 had keys of 32 bytes without their length; it is read, and written as version 2 with the next change.
 *
 * What this does not do: it keeps keys in process memory, it cannot notice that an older copy was put back, and whoever
 * reads file and file key has every key. It is no HSM.
 */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readU32, utf8DecodeStrict, utf8Encode, writeU32 } from "@edge-kms/protocol";
import { wipe } from "../bytes.ts";
import { objectIdPattern } from "../key-store.ts";

const MAGIC = utf8Encode("EKMS");
const VERSION = 2;
const VERSION_OF_FIXED_LENGTH = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + 2 + SALT_BYTES + NONCE_BYTES;
export const KEY_BYTES = 32;

/** Where the file key comes from. */
export const keySources = { file: 0, passphrase: 1 } as const;
export type KeySource = (typeof keySources)[keyof typeof keySources];

export interface StoreHeader {
  readonly keySource: KeySource;
  readonly salt: Uint8Array;
}

/** Reads the public head; null for a file that is not of this format and version. */
export function readHeader(file: Uint8Array): StoreHeader | null {
  if (file.length < HEADER_BYTES + TAG_BYTES) return null;
  if (MAGIC.some((byte, i) => file[i] !== byte)) return null;
  if (file[4] !== VERSION && file[4] !== VERSION_OF_FIXED_LENGTH) return null;
  const keySource = file[5];
  if (keySource !== keySources.file && keySource !== keySources.passphrase) return null;
  return { keySource, salt: file.slice(6, 6 + SALT_BYTES) };
}

/** Seals keys under a file key of 32 bytes. Wipes its copies; `keys` and `fileKey` stay the caller's. */
export function sealKeys(
  header: StoreHeader,
  fileKey: Uint8Array,
  keys: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const ids = [...keys.keys()].sort();
  const plaintext = Buffer.alloc(
    4 + ids.reduce((length, id) => length + 2 + id.length + (keys.get(id)?.length ?? 0), 0),
  );
  try {
    writeU32(plaintext, 0, ids.length);
    let offset = 4;
    for (const id of ids) {
      plaintext[offset] = id.length;
      plaintext.write(id, offset + 1, "latin1");
      const key = keys.get(id) as Uint8Array;
      plaintext[offset + 1 + id.length] = key.length;
      plaintext.set(key, offset + 2 + id.length);
      offset += 2 + id.length + key.length;
    }
    const head = Buffer.alloc(HEADER_BYTES);
    head.set(MAGIC);
    head[4] = VERSION;
    head[5] = header.keySource;
    head.set(header.salt, 6);
    head.set(randomBytes(NONCE_BYTES), 6 + SALT_BYTES);
    const cipher = createCipheriv("aes-256-gcm", fileKey, head.subarray(6 + SALT_BYTES));
    cipher.setAAD(head);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([head, ciphertext, cipher.getAuthTag()]);
  } finally {
    wipe(plaintext);
  }
}

/**
 * The keys of a sealed file, or null when it does not open (wrong key, altered, truncated) or its content is not
 * canonical. The caller owns and wipes the keys.
 */
export function openKeys(file: Uint8Array, fileKey: Uint8Array): Map<string, Buffer> | null {
  const head = file.subarray(0, HEADER_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", fileKey, head.subarray(6 + SALT_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(head);
  decipher.setAuthTag(file.subarray(file.length - TAG_BYTES));
  const plaintext = decipher.update(file.subarray(HEADER_BYTES, file.length - TAG_BYTES));
  try {
    try {
      decipher.final();
    } catch {
      return null;
    }
    return parseKeys(plaintext, file[4] === VERSION_OF_FIXED_LENGTH);
  } finally {
    wipe(plaintext);
  }
}

function parseKeys(plaintext: Buffer, hasFixedLength: boolean): Map<string, Buffer> | null {
  const keys = new Map<string, Buffer>();
  if (plaintext.length < 4) return null;
  const count = readU32(plaintext, 0);
  let offset = 4;
  let previous = "";
  for (let i = 0; i < count; i++) {
    const idLength = plaintext[offset];
    if (idLength === undefined || offset + 1 + idLength >= plaintext.length) return null;
    const id = utf8DecodeStrict(plaintext.subarray(offset + 1, offset + 1 + idLength));
    if (id === null || !objectIdPattern.test(id) || id <= previous) return null;
    offset += 1 + idLength;
    const keyLength = hasFixedLength ? KEY_BYTES : plaintext[offset++];
    if (keyLength !== 16 && keyLength !== KEY_BYTES) return null;
    if (offset + keyLength > plaintext.length) return null;
    keys.set(id, Buffer.from(plaintext.subarray(offset, offset + keyLength)));
    offset += keyLength;
    previous = id;
  }
  return offset === plaintext.length ? keys : null;
}
