/** The little of DER (ITU-T X.690) that public keys and SM2 ciphertexts need: definite lengths, no optional parts. */

import { concatBytes } from "@edge-kms/protocol";

export const tags = { integer: 0x02, bitString: 0x03, octetString: 0x04, sequence: 0x30 } as const;

/** Reads one element after another. Every read is null when the next element is not of the tag, or not DER. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The contents of the next element. */
  read(tag: number): Uint8Array | null {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== tag) return null;
    let at = this.#at + 1;
    let length = bytes[at++] ?? 0x80;
    if (length >= 0x80) {
      const octets = length - 0x80;
      if (octets < 1 || octets > 2 || at + octets > bytes.length) return null;
      length = 0;
      for (let n = 0; n < octets; n++) length = length * 256 + (bytes[at++] as number);
      // X.690 §10.1: the shortest form only.
      if (length < 0x80 || (octets === 2 && length < 0x100)) return null;
    }
    if (at + length > bytes.length) return null;
    this.#at = at + length;
    return bytes.subarray(at, at + length);
  }

  /** The next INTEGER when it is positive: big-endian without the sign octet. */
  readPositive(): Uint8Array | null {
    const value = this.read(tags.integer);
    if (value === null || value.length === 0) return null;
    const [first = 0, second = 0x80] = value;
    if (first >= 0x80) return null;
    if (first > 0) return value;
    // X.690 §8.3.2: a zero octet only before one that would be read as a sign.
    return value.length > 1 && second >= 0x80 ? value.subarray(1) : null;
  }
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const value = concatBytes(...contents);
  const { length } = value;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return concatBytes(Uint8Array.from(header), value);
}

/** A positive INTEGER from big-endian bytes. */
export function derPositive(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const magnitude = bytes.subarray(start);
  const sign = (magnitude[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return der(tags.integer, sign, magnitude);
}
