/**
 * The control plane's own signing keys (Ed25519), made at the first start in `<home>/pki/<name>.key` (PKCS#8 PEM, 0600), the public
 * half beside it in `<name>.pub` (raw 32 bytes, base64). Copies of the control plane on several machines share these files.
 */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { exportPublicKey } from "./ed25519.ts";

export interface SigningKey {
  readonly privateKey: KeyObject;
  /** Raw, base64. */
  readonly publicKey: string;
}

/** What edges recognise forwarded calls by. */
export const forwardingKeyName = "control-plane-forwarding";
/** What receivers of webhooks recognise them by. */
export const webhookKeyName = "control-plane-webhooks";

/** Reads a key of this home, or makes it. Two copies that start at once end up with the same one. */
export function ensureSigningKey(pkiFolder: string, name: string): SigningKey {
  const path = join(pkiFolder, `${name}.key`);
  mkdirSync(pkiFolder, { recursive: true, mode: 0o700 });
  const pem = readIfThere(path) ?? create(path);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new Error(`${path} is not a private key in PEM; restore it from a backup`);
  }
  if (privateKey.asymmetricKeyType !== "ed25519") throw new Error(`${path} is not an Ed25519 key`);
  const publicKey = exportPublicKey(privateKey);
  const publicPath = join(pkiFolder, `${name}.pub`);
  if (readIfThere(publicPath)?.trim() !== publicKey) {
    writeFileSync(publicPath, `${publicKey}\n`, { mode: 0o644, flush: true });
  }
  return { privateKey, publicKey };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function create(path: string): string {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, pem, { mode: 0o600, flush: true, flag: "wx" });
  try {
    // Unlike a rename, a link never replaces: who comes second reads the key of the first.
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(temporary);
  }
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
  return readFileSync(path, "utf8");
}
