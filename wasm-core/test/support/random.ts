// A seeded source, so that a failing case can be run again.

import { createHash } from "node:crypto";

export class Random {
  readonly seed: string;
  #pool: Uint8Array = new Uint8Array(0);
  #at = 0;
  #counter = 0;

  constructor(seed: string) {
    this.seed = seed;
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#pool.length) {
      const size = Math.max(1 << 18, length);
      const hash = createHash("shake128", { outputLength: size });
      this.#pool = new Uint8Array(hash.update(`${this.seed}/${this.#counter++}`).digest());
      this.#at = 0;
    }
    this.#at += length;
    return this.#pool.slice(this.#at - length, this.#at);
  }

  /** 0 .. limit - 1 */
  below(limit: number): number {
    const view = new DataView(this.bytes(4).buffer);
    return view.getUint32(0) % limit;
  }

  /** A length that favours the neighbourhood of block and batch limits. */
  length(limit: number): number {
    const kind = this.below(4);
    if (kind === 0) return Math.min(this.below(34), limit);
    if (kind === 1) {
      return Math.min(Math.max(0, 16 * this.below(1 + limit / 16) + this.below(3) - 1), limit);
    }
    return this.below(limit + 1);
  }

  /** The same bytes at some odd place of a larger array. */
  unaligned(bytes: Uint8Array): Uint8Array {
    const offset = this.below(17);
    const larger = new Uint8Array(bytes.length + 32);
    larger.set(bytes, offset);
    return larger.subarray(offset, offset + bytes.length);
  }
}
