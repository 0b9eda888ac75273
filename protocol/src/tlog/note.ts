/**
 * Signed notes (c2sp.org/signed-note) with Ed25519: a text, an empty line, and lines of signatures
 *
 *     — <key name> base64( key id(4) || signature(64) )
 *
 * The text is worth nothing before a signature of a known key was verified.
 */

import {
  base64Decode,
  base64Encode,
  concatBytes,
  equalBytes,
  utf8DecodeStrict,
  utf8Encode,
} from "../bytes.ts";
import type { Sha256 } from "../signature/parts.ts";

/** Longest note that is read, in bytes; more than 16 signatures fit. */
export const MAX_NOTE_BYTES = 64 * 1024;
const MAX_SIGNATURES = 100;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const ED25519 = 1;

/** A key that notes are verified with. */
export interface NoteKey {
  /** Without spaces and `+`; a log's is its origin. */
  readonly name: string;
  /** Ed25519, raw 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** RFC 8032, over these bytes. */
export type VerifyEd25519 = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => Promise<boolean>;

export function isNoteKeyName(name: string): boolean {
  return name !== "" && !/[\s+]|\p{Z}|\p{Cc}/u.test(name) && name.isWellFormed();
}

/** SHA-256(name || LF || 1 || public key), the first four bytes. */
export function noteKeyId(sha256: Sha256, { name, publicKey }: NoteKey): Uint8Array {
  const head = utf8Encode(`${name}\n`);
  return sha256(concatBytes(head, Uint8Array.of(ED25519), publicKey)).slice(0, KEY_ID_BYTES);
}

/** Whether a text can be that of a note. */
export function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are excluded
  return text.endsWith("\n") && text.isWellFormed() && !/[\x00-\x09\x0b-\x1f]/.test(text);
}

/** The note of a text with one signature, which was made over the text's UTF-8. RangeError for what no note can have. */
export function writeNote(
  sha256: Sha256,
  text: string,
  key: NoteKey,
  signature: Uint8Array,
): string {
  if (!isNoteText(text) || !isNoteKeyName(key.name) || signature.length !== SIGNATURE_BYTES) {
    throw new RangeError("text, key name or signature of no note");
  }
  const id = noteKeyId(sha256, key);
  return `${text}\n— ${key.name} ${base64Encode(concatBytes(id, signature))}\n`;
}

/**
 * The text of a note that one of the keys has signed. Null for whatever is no note, is signed by none of them, or has a signature in
 * one's name that does not verify. Signatures of others are ignored.
 */
export async function openNote(
  sha256: Sha256,
  verify: VerifyEd25519,
  note: Uint8Array,
  keys: readonly NoteKey[],
): Promise<string | null> {
  const whole = note.length > MAX_NOTE_BYTES ? null : utf8DecodeStrict(note);
  const end = whole?.lastIndexOf("\n\n") ?? -1;
  if (whole === null || end < 0 || !isNoteText(whole)) return null;
  const text = whole.slice(0, end + 1);
  const signatures = whole
    .slice(end + 2, -1)
    .split("\n")
    .map(readSignature);
  if (signatures.length > MAX_SIGNATURES) return null;
  const message = utf8Encode(text);
  let isVerified = false;
  for (const signature of signatures) {
    if (signature === null) return null;
    const key = keys.find(
      (one) => one.name === signature.name && equalBytes(noteKeyId(sha256, one), signature.keyId),
    );
    if (key === undefined) continue;
    if (signature.bytes.length !== SIGNATURE_BYTES) return null;
    if (!(await verify(key.publicKey, message, signature.bytes))) return null;
    isVerified = true;
  }
  return isVerified ? text : null;
}

function readSignature(
  line: string,
): { readonly name: string; readonly keyId: Uint8Array; readonly bytes: Uint8Array } | null {
  const [dash, name = "", base64 = "", ...rest] = line.split(" ");
  const bytes = base64Decode(base64);
  if (dash !== "—" || rest.length > 0 || !isNoteKeyName(name) || bytes === null) return null;
  if (bytes.length <= KEY_ID_BYTES) return null;
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), bytes: bytes.slice(KEY_ID_BYTES) };
}
