/**
 * EncryptionContext: pairs of strings that are authenticated with a ciphertext and stored nowhere. A caller sends them as
 * the text of a JSON object; what is authenticated is one canonical form of the pairs, so that neither the order of
 * members nor white space nor escapes matter:
 *
 *     count(u16) then, for each pair in order of its name's bytes:  length(u16) name  length(u16) value
 *
 * integers big-endian, texts UTF-8. An absent context, "" and {} are the same: count 0.
 *
 * `JSON.parse` takes the last of two members with one name and cannot tell, so the text is scanned here, by the grammar
 * of RFC 8259.
 */

import { type Bytes, compareBytes, equalBytes, utf8Encode, writeU16 } from "./bytes.ts";
import { failure, type Result, success } from "./errors.ts";

/** Longest context text, in UTF-16 code units (the characters of JavaScript). */
export const maxEncryptionContextLength = 1024;

const maxU16 = 0xffff;

/** The canonical form of no pairs. Read only. */
export const noEncryptionContext: Bytes = new Uint8Array(2);

/**
 * The canonical form of a context as a caller sent it. `InvalidParameter` for a text longer than 1024 characters, one that
 * is not a JSON object, a value that is not a string, a name that occurs twice (after unescaping), or a lone surrogate.
 */
export function canonicalEncryptionContext(text: string | null | undefined): Result<Bytes> {
  if (text === undefined || text === null || text === "") return success(new Uint8Array(2));
  if (text.length <= maxEncryptionContextLength) {
    const pairs = new Scanner(text).pairs();
    const encoded = pairs === null ? null : encodePairs(pairs);
    if (encoded !== null) return success(encoded);
  }
  return failure("InvalidParameter", {
    message: "An encryption context must be a JSON object of distinct names and string values.",
  });
}

/**
 * The canonical form of pairs that are at hand as pairs. RangeError for a repeated name, a lone surrogate, more than 65535
 * pairs, or a name or value of more than 65535 bytes.
 */
export function encodeEncryptionContext(pairs: Iterable<readonly [string, string]>): Bytes {
  const encoded = encodePairs([...pairs]);
  if (encoded === null) throw new RangeError("pairs without a canonical form");
  return encoded;
}

function encodePairs(pairs: readonly (readonly [string, string])[]): Bytes | null {
  if (pairs.length > maxU16) return null;
  let length = 2;
  const encoded: { readonly name: Uint8Array; readonly value: Uint8Array }[] = [];
  for (const [nameText, valueText] of pairs) {
    if (!nameText.isWellFormed() || !valueText.isWellFormed()) return null;
    const name = utf8Encode(nameText);
    const value = utf8Encode(valueText);
    if (name.length > maxU16 || value.length > maxU16) return null;
    length += 4 + name.length + value.length;
    encoded.push({ name, value });
  }
  encoded.sort((a, b) => compareBytes(a.name, b.name));

  const out = new Uint8Array(length);
  writeU16(out, 0, encoded.length);
  let offset = 2;
  let previous: Uint8Array | null = null;
  for (const { name, value } of encoded) {
    if (previous !== null && equalBytes(previous, name)) return null;
    previous = name;
    for (const part of [name, value]) {
      writeU16(out, offset, part.length);
      out.set(part, offset + 2);
      offset += 2 + part.length;
    }
  }
  return out;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const fourHexDigits = /^[0-9A-Fa-f]{4}$/;

/** Reads the text of one JSON object whose values are strings. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The members in order of the text, or `null` when it is anything else. */
  pairs(): [string, string][] | null {
    const pairs: [string, string][] = [];
    if (!this.#take("{")) return null;
    if (!this.#take("}")) {
      do {
        const name = this.#string();
        if (name === null || !this.#take(":")) return null;
        const value = this.#string();
        if (value === null) return null;
        pairs.push([name, value]);
      } while (this.#take(","));
      if (!this.#take("}")) return null;
    }
    this.#skipSpace();
    return this.#at === this.#text.length ? pairs : null;
  }

  /** RFC 8259 §2: space, tab, line feed, carriage return. */
  #skipSpace(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "end")) this.#at += 1;
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  /** RFC 8259 §7. */
  #string(): string | null {
    if (!this.#take('"')) return null;
    let value = "";
    let start = this.#at;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < " ") return null;
      if (character === '"') {
        value += this.#text.slice(start, this.#at);
        this.#at += 1;
        return value;
      }
      this.#at += 1;
      if (character !== "\\") continue;
      value += this.#text.slice(start, this.#at - 1);
      const letter = this.#text[this.#at] ?? "";
      this.#at += 1;
      if (letter === "u") {
        const digits = this.#text.slice(this.#at, this.#at + 4);
        if (!fourHexDigits.test(digits)) return null;
        value += String.fromCharCode(Number.parseInt(digits, 16));
        this.#at += 4;
      } else {
        const meaning = Object.hasOwn(simpleEscapes, letter) ? simpleEscapes[letter] : undefined;
        if (meaning === undefined) return null;
        value += meaning;
      }
      start = this.#at;
    }
  }
}
