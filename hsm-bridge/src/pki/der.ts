/**
 * As much DER (ITU-T X.690) as certificates need. Written here because the X.509 library at hand needs a metadata polyfill
 * and a dependency-injection container to do the same.
 */

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag, length in the shortest form (X.690 §8.1.3, §10.1), contents. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  let head: number[];
  if (length < 0x80) head = [tag, length];
  else if (length < 0x100) head = [tag, 0x81, length];
  else if (length < 0x10000) head = [tag, 0x82, length >> 8, length & 0xff];
  else throw new RangeError("DER content is too long");
  return Buffer.concat([Buffer.from(head), body]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => tlv(tags.sequence, ...items);
export const set = (...items: readonly Uint8Array[]): Buffer => tlv(tags.set, ...items);
export const octetString = (bytes: Uint8Array): Buffer => tlv(tags.octetString, bytes);
export const utf8String = (text: string): Buffer => tlv(tags.utf8String, Buffer.from(text));
export const boolean = (value: boolean): Buffer =>
  tlv(tags.boolean, Buffer.from([value ? 0xff : 0]));

/** Context-specific tag `[number]`, constructed (explicit) or primitive (implicit). */
export const explicit = (number: number, ...items: readonly Uint8Array[]): Buffer =>
  tlv(0xa0 | number, ...items);
export const implicit = (number: number, bytes: Uint8Array): Buffer => tlv(0x80 | number, bytes);

/** A non-negative integer from big-endian bytes: no superfluous zero, one where the sign bit would be set (§8.3). */
export function integer(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const bytes = magnitude.subarray(start);
  const needsZero = ((bytes[0] ?? 0) & 0x80) !== 0;
  return tlv(tags.integer, needsZero ? Buffer.from([0]) : Buffer.alloc(0), bytes);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return tlv(tags.bitString, Buffer.from([unusedBits]), bytes);
}

/** Object identifier in dotted form (§8.19). */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    out.push(...groups);
  }
  return tlv(tags.oid, Buffer.from(out));
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  return date.getUTCFullYear() < 2050
    ? tlv(tags.utcTime, Buffer.from(text.slice(2)))
    : tlv(tags.generalizedTime, Buffer.from(text));
}
