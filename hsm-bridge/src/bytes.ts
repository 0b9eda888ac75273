/** Byte helpers of three rooms: wiping, and the one canonical encoding of associated data. */

import { type Bytes, utf8Encode } from "@edge-kms/protocol";

/** Overwrites buffers with zeros. Node may have moved a small buffer before: not a promise, only the least we can do. */
export function wipe(...buffers: readonly (Uint8Array | null | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}

/**
 * Associated data: `label` and `fields` each as `length(u16, big-endian) || UTF-8`. Injective, so that no two lists of
 * fields share an encoding. Throws a RangeError beyond 65535 bytes in a field.
 */
export function encodeFields(label: string, fields: readonly (string | number)[]): Bytes {
  const parts = [label, ...fields.map(String)].map((text) => utf8Encode(text));
  const out = new Uint8Array(parts.reduce((length, part) => length + 2 + part.length, 0));
  const view = new DataView(out.buffer);
  let offset = 0;
  for (const part of parts) {
    if (part.length > 0xffff) throw new RangeError("a field of associated data is too long");
    view.setUint16(offset, part.length);
    out.set(part, offset + 2);
    offset += 2 + part.length;
  }
  return out;
}

/** A Uint8Array of its own memory from any view (Node's small Buffers share a pool). The source is left as it is. */
export function ownBytes(source: Uint8Array): Bytes {
  return Uint8Array.from(source);
}
