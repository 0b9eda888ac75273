/**
 * Which signatures were used for what (design §4 "Replay"). TC3 signs neither action, version, region nor token; a
 * signature seen again with another of these is refused. An entry is remembered for 300 to 600 s, which is as long as
 * any time stamp is believed (± 300 s).
 *
 * Two generations of an open-addressing table in a typed array, 16 bytes a slot: 8 that name the signature, 8 that say
 * what it served, both cut from SHA-256. Two signatures whose first 8 bytes meet by chance would have the second refused:
 * below 2^-24 for a full table. When a generation is full everything new is refused until it turns; nothing is forgotten early.
 */

import { REPLAY_BYTES } from "./messages.ts";

const WORDS = 4;
const GENERATION_MS = 300_000;
const FIRST_SLOTS = 4096;
/** 32 MiB a generation; an isolate of the platform has 128 MiB in all. */
const MAX_SLOTS = 2 ** 21;

export type Sighting = "new" | "same" | "other" | "full";

class Table {
  #slots = FIRST_SLOTS;
  #words = new Uint32Array(FIRST_SLOTS * WORDS);
  #used = 0;
  readonly #maxSlots: number;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** Slot that holds the entry, or the free one where it belongs. */
  #find(words: Uint32Array, slots: number, a: number, b: number): number {
    // The words are cut from a hash and never both zero in practice; `| 1` on the first marks a slot as used.
    let slot = b & (slots - 1);
    for (;;) {
      const at = slot * WORDS;
      const first = words[at] as number;
      if (first === 0 || (first === a && words[at + 1] === b)) return at;
      slot = (slot + 1) & (slots - 1);
    }
  }

  look(entry: Uint32Array): Sighting {
    const at = this.#find(
      this.#words,
      this.#slots,
      ((entry[0] as number) | 1) >>> 0,
      entry[1] as number,
    );
    if (this.#words[at] === 0) return "new";
    return this.#words[at + 2] === entry[2] && this.#words[at + 3] === entry[3] ? "same" : "other";
  }

  /** False when there is no room. */
  add(entry: Uint32Array): boolean {
    if (this.#used >= this.#slots * 0.75 && !this.#grow()) return false;
    const a = ((entry[0] as number) | 1) >>> 0;
    const at = this.#find(this.#words, this.#slots, a, entry[1] as number);
    this.#words[at] = a;
    for (let n = 1; n < WORDS; n++) this.#words[at + n] = entry[n] as number;
    this.#used += 1;
    return true;
  }

  #grow(): boolean {
    if (this.#slots >= this.#maxSlots) return false;
    const slots = this.#slots * 2;
    const words = new Uint32Array(slots * WORDS);
    for (let from = 0; from < this.#words.length; from += WORDS) {
      const a = this.#words[from] as number;
      if (a === 0) continue;
      const at = this.#find(words, slots, a, this.#words[from + 1] as number);
      words.set(this.#words.subarray(from, from + WORDS), at);
    }
    this.#words = words;
    this.#slots = slots;
    return true;
  }
}

export class ReplayMemory {
  #young: Table;
  #old: Table;
  #turnedAtMs: number;
  readonly #maxSlots: number;
  readonly #entry = new Uint32Array(WORDS);

  constructor(nowMs: number, maxSlots: number = MAX_SLOTS) {
    this.#maxSlots = maxSlots;
    this.#young = new Table(maxSlots);
    this.#old = new Table(maxSlots);
    this.#turnedAtMs = nowMs;
  }

  /**
   * Looks a signature up and, when it is new, remembers it.
   *
   * @param signatures entries of REPLAY_BYTES; `index` says which. The first 8 bytes of each half count.
   */
  see(signatures: Uint8Array, index: number, nowMs: number): Sighting {
    this.#turn(nowMs);
    const entry = this.#entry;
    const view = new DataView(signatures.buffer, signatures.byteOffset + index * REPLAY_BYTES);
    entry[0] = view.getUint32(0);
    entry[1] = view.getUint32(4);
    entry[2] = view.getUint32(REPLAY_BYTES / 2);
    entry[3] = view.getUint32(REPLAY_BYTES / 2 + 4);
    const young = this.#young.look(entry);
    if (young !== "new") return young;
    const old = this.#old.look(entry);
    if (old === "other") return old;
    // Seen long ago for the same: it is remembered anew, so that it stays as long as it may be used.
    return this.#young.add(entry) ? old : "full";
  }

  #turn(nowMs: number): void {
    const age = nowMs - this.#turnedAtMs;
    if (age < GENERATION_MS) return;
    this.#old = age < 2 * GENERATION_MS ? this.#young : new Table(this.#maxSlots);
    this.#young = new Table(this.#maxSlots);
    this.#turnedAtMs = nowMs;
  }
}
