/**
 * `application/x-www-form-urlencoded` fields, as GET queries and version 1 bodies carry them (WHATWG URL §5, read
 * strictly): `+` and `%20` are spaces, a field is `name=value`, names are words of letters, digits, `.` and `_`, no name
 * occurs twice, and percent-encoding must be complete and well-formed UTF-8.
 */

import { utf8DecodeStrict } from "../bytes.ts";

/** Field values by name, in the order received. */
export type FormFields = ReadonlyMap<string, string>;

const maxFields = 4096;
const fieldName = /^[A-Za-z0-9_.]{1,256}$/;
const plainAscii = /^[\x21-\x7e]*$/;

/** The fields of a form text, or `null` when it is not one by the rules above. `""` has no fields. */
export function parseForm(text: string): FormFields | null {
  const fields = new Map<string, string>();
  if (text === "") return fields;
  for (const piece of text.split("&", maxFields + 1)) {
    const equals = piece.indexOf("=");
    if (equals < 1 || fields.size === maxFields) return null;
    const name = decodeFormText(piece.slice(0, equals));
    const value = decodeFormText(piece.slice(equals + 1));
    if (name === null || value === null || !fieldName.test(name) || fields.has(name)) return null;
    fields.set(name, value);
  }
  return fields;
}

function decodeFormText(text: string): string | null {
  if (!plainAscii.test(text)) return null;
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  const bytes = new Uint8Array(spaced.length);
  let length = 0;
  for (let i = 0; i < spaced.length; i++) {
    const code = spaced.charCodeAt(i);
    if (code !== 0x25) {
      bytes[length++] = code;
      continue;
    }
    const digits = spaced.slice(i + 1, i + 3);
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return null;
    bytes[length++] = Number.parseInt(digits, 16);
    i += 2;
  }
  return utf8DecodeStrict(bytes.subarray(0, length));
}
