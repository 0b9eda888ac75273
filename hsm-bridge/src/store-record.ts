/** Which kind of store a home belongs to: written at its first start, in `bridge/store.json`; another kind is refused. */

import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { StartupError } from "./errors.ts";
import { writeFileDurably } from "./files.ts";
import type { StoreKind } from "./key-store.ts";
import { homePaths } from "./settings.ts";

const recordSchema = v.strictObject({
  version: v.literal(1),
  kind: v.picklist(["pkcs11", "software"]),
});

/** Null for a home without a bridge as yet. StartupError when the record is damaged. */
export async function readRecordedStoreKind(home: string): Promise<StoreKind | null> {
  const path = homePaths(home).storeRecord;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new StartupError(`The record of the key store, ${path}, cannot be read.`, error);
  }
  try {
    return v.parse(recordSchema, JSON.parse(text)).kind;
  } catch (error) {
    throw new StartupError(`The record of the key store, ${path}, is damaged.`, error);
  }
}

export async function recordStoreKind(home: string, kind: StoreKind): Promise<void> {
  const text = `${JSON.stringify({ version: 1, kind })}\n`;
  await writeFileDurably(homePaths(home).storeRecord, text, 0o600);
}

export function checkStoreKind(recorded: string | null, chosen: StoreKind): void {
  if (recorded === null || recorded === chosen) return;
  throw new StartupError(
    `This home was made with the ${recorded} key store and cannot be opened with the ${chosen} one: its keys are in the former.`,
  );
}
