/**
 * Byte strings and their text forms: hexadecimal, base64 and base64url (RFC 4648), UTF-8 (RFC 3629), big-endian
 * integers, UUID text (RFC 9562 §4).
 *
 * Every decoder here is strict and accepts exactly one spelling of each value, and answers `null` for anything
 * else: two texts that mean the same bytes would let a caller name one thing twice. Encoders of text that has no
 * encoding throw a RangeError, because that is a bug of the caller.
 *
 * Nothing in this file runs in constant time except `equalBytes`, as far as a JavaScript engine allows.
 */

/** A byte string in memory of its own kind, never shared, as the cryptographic interfaces of the platforms want it. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The parts of newer engines that are used when they are there. Looked up once; never required. */
interface NativeCodecs {
  readonly TextEncoder?: new () => { encode(text: string): Bytes };
  readonly TextDecoder?: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
}
interface NativeBase64Constructor {
  fromBase64?(text: string, options: { lastChunkHandling: "strict" }): Bytes;
}
interface NativeBase64Bytes {
  toBase64?(): string;
}

const native = globalThis as unknown as NativeCodecs;
const nativeEncoder = native.TextEncoder === undefined ? null : new native.TextEncoder();
const nativeDecoder =
  native.TextDecoder === undefined
    ? null
    : new native.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const nativeBytes = Uint8Array as unknown as NativeBase64Constructor;

// ---------------------------------------------------------------------------------------------- hexadecimal

const hexDigits = "0123456789abcdef";
const hexPairs: string[] = [];
for (let byte = 0; byte < 256; byte++) {
  hexPairs.push(hexDigits.charAt(byte >> 4) + hexDigits.charAt(byte & 15));
}

/** Lower-case hexadecimal, two digits a byte. */
export function hexEncode(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += hexPairs[bytes[i] as number];
  return text;
}

/** The bytes of lower-case hexadecimal text; `null` for an odd length, upper case, or any other character. */
export function hexDecode(text: string): Bytes | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexValue(text.charCodeAt(2 * i));
    const low = hexValue(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return null;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function hexValue(charCode: number): number {
  if (charCode >= 0x30 && charCode <= 0x39) return charCode - 0x30;
  if (charCode >= 0x61 && charCode <= 0x66) return charCode - 0x61 + 10;
  return -1;
}

// ------------------------------------------------------------------------------------- base64 and base64url

const notInAlphabet = 0xff;
const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64UrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const base64Codes = alphabetCodes(base64Alphabet);
const base64UrlCodes = alphabetCodes(base64UrlAlphabet);
const base64Values = alphabetValues(base64Alphabet);
const base64UrlValues = alphabetValues(base64UrlAlphabet);
const paddingCode = 0x3d;

function alphabetCodes(alphabet: string): Bytes {
  return Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
}

function alphabetValues(alphabet: string): Bytes {
  const values = new Uint8Array(256).fill(notInAlphabet);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

/** Base64 with padding (RFC 4648 §4). */
export function base64Encode(bytes: Uint8Array): string {
  const withNative = bytes as unknown as NativeBase64Bytes;
  if (withNative.toBase64 !== undefined) return withNative.toBase64();
  return base64EncodePortable(bytes);
}

/**
 * The bytes of canonical base64 (RFC 4648 §4, with §3.5): padding required, no white space, unused trailing bits
 * zero. `null` for anything else. `""` is the empty byte string.
 */
export function base64Decode(text: string): Bytes | null {
  if (text.length % 4 !== 0) return null;
  if (nativeBytes.fromBase64 === undefined) return base64DecodePortable(text);
  let bytes: Bytes;
  try {
    bytes = nativeBytes.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return null;
  }
  // The native decoder skips white space; a text with any decodes to fewer bytes than its length promises.
  return bytes.length === decodedLength(text) ? bytes : null;
}

/** `base64Encode` in plain JavaScript, for engines without the native one. Exported for its tests. */
export function base64EncodePortable(bytes: Uint8Array): string {
  return encode64(bytes, base64Codes, true);
}

/** `base64Decode` in plain JavaScript, for engines without the native one. Exported for its tests. */
export function base64DecodePortable(text: string): Bytes | null {
  if (text.length % 4 !== 0) return null;
  const length = decodedLength(text);
  return decode64(text, text.length - ((3 - (length % 3)) % 3), length, base64Values);
}

/** Base64url without padding (RFC 4648 §5). */
export function base64UrlEncode(bytes: Uint8Array): string {
  return encode64(bytes, base64UrlCodes, false);
}

/** The bytes of canonical base64url without padding; `null` for anything else. */
export function base64UrlDecode(text: string): Bytes | null {
  const remainder = text.length % 4;
  if (remainder === 1) return null;
  const length = ((text.length - remainder) / 4) * 3 + (remainder === 0 ? 0 : remainder - 1);
  return decode64(text, text.length, length, base64UrlValues);
}

/** Bytes that padded base64 of this length (a multiple of 4) holds. */
function decodedLength(text: string): number {
  let length = (text.length / 4) * 3;
  if (text.endsWith("==")) length -= 2;
  else if (text.endsWith("=")) length -= 1;
  return length;
}

function encode64(bytes: Uint8Array, codes: Uint8Array, isPadded: boolean): string {
  const groups = Math.floor(bytes.length / 3);
  const rest = bytes.length - 3 * groups;
  const out = new Uint8Array(4 * groups + (rest === 0 ? 0 : isPadded ? 4 : rest + 1));
  let from = 0;
  let to = 0;
  for (let i = 0; i < groups; i++) {
    const word =
      ((bytes[from] as number) << 16) |
      ((bytes[from + 1] as number) << 8) |
      (bytes[from + 2] as number);
    out[to] = codes[word >> 18] as number;
    out[to + 1] = codes[(word >> 12) & 63] as number;
    out[to + 2] = codes[(word >> 6) & 63] as number;
    out[to + 3] = codes[word & 63] as number;
    from += 3;
    to += 4;
  }
  if (rest > 0) {
    const first = bytes[from] as number;
    const second = rest === 2 ? (bytes[from + 1] as number) : 0;
    out[to++] = codes[first >> 2] as number;
    out[to++] = codes[((first & 3) << 4) | (second >> 4)] as number;
    if (rest === 2) out[to++] = codes[(second & 15) << 2] as number;
    else if (isPadded) out[to++] = paddingCode;
    if (isPadded) out[to] = paddingCode;
  }
  return latin1(out, 0, out.length);
}

/** Decodes `digits` characters of `text`, which must hold exactly `length` bytes and no unused bit that is set. */
function decode64(text: string, digits: number, length: number, values: Uint8Array): Bytes | null {
  const bytes = new Uint8Array(length);
  let from = 0;
  let to = 0;
  let seen = 0;
  for (; from + 4 <= digits; from += 4) {
    const a = value64(text, from, values);
    const b = value64(text, from + 1, values);
    const c = value64(text, from + 2, values);
    const d = value64(text, from + 3, values);
    seen |= a | b | c | d;
    bytes[to] = (a << 2) | (b >> 4);
    bytes[to + 1] = (b << 4) | (c >> 2);
    bytes[to + 2] = (c << 6) | d;
    to += 3;
  }
  const rest = digits - from;
  if (rest >= 2) {
    const a = value64(text, from, values);
    const b = value64(text, from + 1, values);
    const c = rest === 3 ? value64(text, from + 2, values) : 0;
    seen |= a | b | c;
    bytes[to] = (a << 2) | (b >> 4);
    if (rest === 3) bytes[to + 1] = (b << 4) | (c >> 2);
    if ((rest === 3 ? c & 3 : b & 15) !== 0) return null;
  } else if (rest === 1) {
    return null;
  }
  return seen > 63 ? null : bytes;
}

function value64(text: string, index: number, values: Uint8Array): number {
  return values[text.charCodeAt(index)] ?? notInAlphabet;
}

// ---------------------------------------------------------------------------------------------------- UTF-8

/** A text of characters 0–255, one per byte. Spreading the bytes instead takes ten times as long. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i += 4096) {
    const chunk: unknown = bytes.subarray(i, Math.min(end, i + 4096));
    text += String.fromCharCode.apply(null, chunk as number[]);
  }
  return text;
}

/** UTF-8. A text with a lone surrogate has no UTF-8 form: RangeError (check `isWellFormed()` first). */
export function utf8Encode(text: string): Bytes {
  if (!text.isWellFormed()) throw new RangeError("text to encode has a lone surrogate");
  return nativeEncoder === null ? utf8EncodePortable(text) : nativeEncoder.encode(text);
}

/** Bytes that `utf8Encode(text)` has. Lone surrogates count 3, as the replacement character would. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length += 1;
    if (unit < 0x800) continue;
    // A surrogate pair is two units and four bytes, so each half counts one more than its unit.
    const isPair = unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1));
    if (isPair) i += 1;
    length += 1;
  }
  return length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** The text of well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, no byte order mark removed), or `null`. */
export function utf8DecodeStrict(bytes: Uint8Array): string | null {
  if (nativeDecoder === null) return utf8DecodePortable(bytes);
  try {
    return nativeDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** `utf8Encode` in plain JavaScript; the text must be well-formed. Exported for its tests. */
export function utf8EncodePortable(text: string): Bytes {
  const bytes = new Uint8Array(utf8Length(text));
  let to = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point < 0x80) {
      bytes[to++] = point;
    } else if (point < 0x800) {
      bytes[to++] = 0xc0 | (point >> 6);
      bytes[to++] = 0x80 | (point & 63);
    } else if (point < 0x10000) {
      bytes[to++] = 0xe0 | (point >> 12);
      bytes[to++] = 0x80 | ((point >> 6) & 63);
      bytes[to++] = 0x80 | (point & 63);
    } else {
      bytes[to++] = 0xf0 | (point >> 18);
      bytes[to++] = 0x80 | ((point >> 12) & 63);
      bytes[to++] = 0x80 | ((point >> 6) & 63);
      bytes[to++] = 0x80 | (point & 63);
    }
  }
  return bytes;
}

/** `utf8DecodeStrict` in plain JavaScript. Exported for its tests. */
export function utf8DecodePortable(bytes: Uint8Array): string | null {
  let text = "";
  let asciiStart = 0;
  let i = 0;
  while (i < bytes.length) {
    const first = bytes[i] as number;
    if (first < 0x80) {
      i += 1;
      continue;
    }
    text += latin1(bytes, asciiStart, i);
    // RFC 3629 §4: the permitted second byte depends on the first, which excludes overlong forms and surrogates.
    let extra: number;
    let lowest = 0x80;
    let highest = 0xbf;
    let point: number;
    if (first >= 0xc2 && first <= 0xdf) {
      extra = 1;
      point = first & 0x1f;
    } else if (first >= 0xe0 && first <= 0xef) {
      extra = 2;
      point = first & 0x0f;
      if (first === 0xe0) lowest = 0xa0;
      if (first === 0xed) highest = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      extra = 3;
      point = first & 0x07;
      if (first === 0xf0) lowest = 0x90;
      if (first === 0xf4) highest = 0x8f;
    } else {
      return null;
    }
    for (let k = 1; k <= extra; k++) {
      const next = bytes[i + k];
      if (next === undefined || next < lowest || next > highest) return null;
      lowest = 0x80;
      highest = 0xbf;
      point = (point << 6) | (next & 63);
    }
    text += String.fromCodePoint(point);
    i += extra + 1;
    asciiStart = i;
  }
  return text + latin1(bytes, asciiStart, bytes.length);
}

// ------------------------------------------------------------------------------- joining, comparing, integers

/** The parts one after another, in a buffer of their own. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Whether two byte strings are equal, looking at every byte wherever they differ. The lengths are not secret. A
 * JavaScript engine gives no promise of constant time; this only takes the obvious dependence away.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Order of two byte strings, first differing byte first, a prefix before what it begins: negative, 0, positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function checkRange(bytes: Uint8Array, offset: number, size: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length) {
    throw new RangeError(`${size} bytes at offset ${offset} of a buffer of ${bytes.length}`);
  }
}

function checkUnsigned(value: number, maximum: number): void {
  if (!Number.isInteger(value) || value < 0 || value > maximum) {
    throw new RangeError(`expected an integer from 0 to ${maximum}`);
  }
}

/** The big-endian 16-bit unsigned integer at `offset`. RangeError beyond the end. */
export function readU16(bytes: Uint8Array, offset: number): number {
  checkRange(bytes, offset, 2);
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

/** The big-endian 32-bit unsigned integer at `offset`. RangeError beyond the end. */
export function readU32(bytes: Uint8Array, offset: number): number {
  checkRange(bytes, offset, 4);
  return readU16(bytes, offset) * 0x10000 + readU16(bytes, offset + 2);
}

/** The big-endian 64-bit unsigned integer at `offset`. RangeError beyond the end. */
export function readU64(bytes: Uint8Array, offset: number): bigint {
  checkRange(bytes, offset, 8);
  return (BigInt(readU32(bytes, offset)) << 32n) | BigInt(readU32(bytes, offset + 4));
}

/** Writes a 16-bit unsigned integer, big-endian. RangeError when value or place do not fit. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  checkRange(bytes, offset, 2);
  checkUnsigned(value, 0xffff);
  bytes[offset] = value >> 8;
  bytes[offset + 1] = value & 0xff;
}

/** Writes a 32-bit unsigned integer, big-endian. RangeError when value or place do not fit. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  checkRange(bytes, offset, 4);
  checkUnsigned(value, 0xffffffff);
  writeU16(bytes, offset, Math.floor(value / 0x10000));
  writeU16(bytes, offset + 2, value % 0x10000);
}

/** Writes a 64-bit unsigned integer, big-endian. RangeError when value or place do not fit. */
export function writeU64(bytes: Uint8Array, offset: number, value: bigint): void {
  checkRange(bytes, offset, 8);
  if (value < 0n || value > 0xffffffffffffffffn) {
    throw new RangeError("expected an integer from 0 to 2^64 - 1");
  }
  writeU32(bytes, offset, Number(value >> 32n));
  writeU32(bytes, offset + 4, Number(value & 0xffffffffn));
}

// ----------------------------------------------------------------------------------------------------- UUID

const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID in the one spelling used here: 36 characters, lower case. Any version and variant. */
export function isUuid(text: string): boolean {
  return uuidText.test(text);
}

/** The 16 bytes of a UUID in lower-case text (RFC 9562 §4, network byte order); `null` for any other text. */
export function uuidDecode(text: string): Bytes | null {
  return isUuid(text) ? hexDecode(text.replaceAll("-", "")) : null;
}

/** The lower-case text of a UUID of 16 bytes. RangeError for another length. */
export function uuidEncode(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
  const hex = hexEncode(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
