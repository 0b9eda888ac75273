/** Checkpoints (c2sp.org/tlog-checkpoint): what a log was at a size, as the text of a signed note. */

import { base64Decode, base64Encode } from "../bytes.ts";
import { isNoteText } from "./note.ts";
import { HASH_BYTES } from "./tree.ts";

export interface Checkpoint {
  /** Which log it is. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** Root of the tree of that size. */
  readonly root: Uint8Array;
}

/** The note's text. RangeError for an origin with a line feed, a size that is no count, a root that is no hash. */
export function writeCheckpoint({ origin, size, root }: Checkpoint): string {
  const isCount = Number.isSafeInteger(size) && size >= 0;
  const text = `${origin}\n${size}\n${base64Encode(root)}\n`;
  const isLine = origin !== "" && !origin.includes("\n");
  if (!isLine || !isCount || root.length !== HASH_BYTES || !isNoteText(text)) {
    throw new RangeError("origin, size or root of no checkpoint");
  }
  return text;
}

/** Of a text that was verified as a note's. Null for what is no checkpoint; lines after the third are allowed, and ignored. */
export function readCheckpoint(text: string): Checkpoint | null {
  if (!isNoteText(text)) return null;
  const [origin = "", sizeText = "", rootText = "", ...extensions] = text.slice(0, -1).split("\n");
  const size = /^(0|[1-9]\d{0,15})$/.test(sizeText) ? Number(sizeText) : Number.NaN;
  const root = base64Decode(rootText);
  const isWhole = origin !== "" && !extensions.includes("");
  if (!isWhole || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES) return null;
  return { origin, size, root };
}
