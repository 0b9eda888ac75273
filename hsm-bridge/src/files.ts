/** Files that must not be half there: written beside, synced, renamed, and the directory synced (rename(2), fsync(2)). */

import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { StartupError } from "./errors.ts";

/** Makes a directory for secrets: 0700, its owner's alone. Directories above it that are missing are made the same. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/** Replaces a file in one step: after a crash it has the old bytes or the new ones. The caller wipes `bytes`. */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array | string,
  mode: number,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await file.close();
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Whether a file is there. Any other difficulty than its absence is thrown. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/**
 * Reads a small secret file that nobody else may read: a mode that lets group or others in is refused, as ssh does.
 * The caller wipes the result.
 */
export async function readSecretFile(path: string, what: string): Promise<Buffer> {
  try {
    const file = await open(path, "r");
    try {
      const { mode, size } = await file.stat();
      if ((mode & 0o077) !== 0) {
        throw new StartupError(`${what} ${path} is readable by others: set its mode to 0600.`);
      }
      if (size > 64 * 1024) throw new StartupError(`${what} ${path} is larger than 64 KiB.`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw new StartupError(`${what} ${path} cannot be read (${code}).`, error);
  }
}
