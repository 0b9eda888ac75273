/** The key that seals the software store's file: 32 random bytes in a file of mode 0600, or scrypt of a passphrase. */

import { randomBytes, scrypt } from "node:crypto";
import { StartupError } from "../errors.ts";
import { fileExists, readSecretFile, writeFileDurably } from "../files.ts";
import { KEY_BYTES, keySources, type StoreHeader } from "./format.ts";

/** RFC 7914 §2 parameters: 128 MiB and some 0.3 s. OWASP Password Storage Cheat Sheet, scrypt, first choice. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;

/** The head for a new store file. */
export function newHeader(passphrase: string | null): StoreHeader {
  return passphrase === null
    ? { keySource: keySources.file, salt: new Uint8Array(16) }
    : { keySource: keySources.passphrase, salt: randomBytes(16) };
}

/** The file key that a head asks for; the caller wipes it. `mayCreate`: only while there is no store file yet. */
export async function obtainFileKey(
  header: StoreHeader,
  keyFile: string,
  passphrase: string | null,
  mayCreate: boolean,
): Promise<Buffer> {
  if (header.keySource === keySources.passphrase) {
    if (passphrase === null) {
      throw new StartupError(
        "The software store is sealed under a passphrase, and none is configured.",
      );
    }
    return new Promise((resolve, reject) => {
      scrypt(passphrase, header.salt, KEY_BYTES, SCRYPT, (error, key) =>
        error === null ? resolve(key) : reject(error),
      );
    });
  }
  if (passphrase !== null) {
    throw new StartupError(
      "A passphrase is configured, but the software store is sealed under a key file.",
    );
  }
  if (mayCreate && !(await fileExists(keyFile))) {
    const key = randomBytes(KEY_BYTES);
    await writeFileDurably(keyFile, key, 0o600);
    return key;
  }
  const key = await readSecretFile(keyFile, "The key file of the software store");
  if (key.length !== KEY_BYTES) {
    throw new StartupError(`The key file ${keyFile} of the software store is damaged.`);
  }
  return key;
}
