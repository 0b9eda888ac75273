/**
 * Which signatures were used for what (protocol.md "Replay"). TC3 signs neither action, version, region nor token. A TC3
 * signature may serve other calls for a few seconds after its first use, because official clients send two calls with one
 * body in one second; afterwards, and v1 signatures always, only the same again. An entry is remembered for 300 to 600 s
 * after its last use, which is as long as any time stamp is believed (± 300 s).
 *
 * Two generations of an open-addressing table in a typed array, 20 bytes a slot: 8 that name the signature, 8 that say
 * what it served first, both cut from SHA-256, and when that was. Two signatures whose 8 bytes meet by chance would have
 * the second refused: below 2^-20 over a full table. When a generation is full everything new is refused until it turns;
 * nothing is forgotten early.
 */

import { REPLAY_BYTES } from "./messages.ts";

const WORDS = 5;
const GENERATION_MS = 300_000;
const FIRST_SLOTS = 4096;
/** 40 MiB a generation; an isolate of the platform has 128 MiB in all. */
const MAX_SLOTS = 2 ** 21;
/** Units of the time of first use. */
const TICK_MS = 100;

/** `reused`: for another call than at first, while that is allowed. `other`: when it no longer is. */
export type Sighting = "new" | "same" | "reused" | "other" | "full";

class Table {
  #slots = FIRST_SLOTS;
  #words = new Uint32Array(FIRST_SLOTS * WORDS);
  #used = 0;
  readonly #maxSlots: number;

  constructor(maxSlots: number) {
    this.#maxSlots = maxSlots;
  }

  /** The words of a signature's entry; null when there is none. */
  find(a: number, b: number): Uint32Array | null {
    const at = this.#place(this.#words, this.#slots, a, b);
    return this.#words[at] === 0 ? null : this.#words.subarray(at, at + WORDS);
  }

  /** Takes an entry that is not there yet. False when there is no room. */
  add(entry: Uint32Array): boolean {
    if (this.#used >= this.#slots * 0.75 && !this.#grow()) return false;
    const [a = 0, b = 0] = entry;
    this.#words.set(entry, this.#place(this.#words, this.#slots, a, b));
    this.#used += 1;
    return true;
  }

  /** Where the entry is, or the free slot where it belongs. A used slot has a first word other than 0. */
  #place(words: Uint32Array, slots: number, a: number, b: number): number {
    let slot = b & (slots - 1);
    for (;;) {
      const at = slot * WORDS;
      const first = words[at] as number;
      if (first === 0 || (first === a && words[at + 1] === b)) return at;
      slot = (slot + 1) & (slots - 1);
    }
  }

  #grow(): boolean {
    if (this.#slots >= this.#maxSlots) return false;
    const slots = this.#slots * 2;
    const words = new Uint32Array(slots * WORDS);
    for (let from = 0; from < this.#words.length; from += WORDS) {
      const entry = this.#words.subarray(from, from + WORDS);
      const [a = 0, b = 0] = entry;
      if (a !== 0) words.set(entry, this.#place(words, slots, a, b));
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
  readonly #startedAtMs: number;
  readonly #reuseTicks: number;
  readonly #maxSlots: number;

  /** @param reuseMs for how long after its first use a signature that may be reused serves other calls. */
  constructor(nowMs: number, reuseMs: number, maxSlots: number = MAX_SLOTS) {
    this.#maxSlots = maxSlots;
    this.#reuseTicks = Math.floor(reuseMs / TICK_MS);
    this.#young = new Table(maxSlots);
    this.#old = new Table(maxSlots);
    this.#turnedAtMs = nowMs;
    this.#startedAtMs = nowMs;
  }

  /**
   * Looks a signature up and, when it is new, remembers it.
   *
   * @param signatures entries of REPLAY_BYTES: name(8) || use(8) || may be reused(1); `index` says which.
   */
  see(signatures: Uint8Array, index: number, nowMs: number): Sighting {
    this.#turn(nowMs);
    const view = new DataView(signatures.buffer, signatures.byteOffset + index * REPLAY_BYTES);
    const a = (view.getUint32(0) | 1) >>> 0;
    const b = view.getUint32(4);
    const tick = Math.floor((nowMs - this.#startedAtMs) / TICK_MS);
    const young = this.#young.find(a, b);
    const known = young ?? this.#old.find(a, b);
    const entry = known ?? Uint32Array.of(a, b, view.getUint32(8), view.getUint32(12), tick);
    // Seen long ago: it is remembered anew with what it served first, as long as it may still be used.
    if (young === null && !this.#young.add(entry)) return "full";
    if (known === null) return "new";
    if (known[2] === view.getUint32(8) && known[3] === view.getUint32(12)) return "same";
    const isReusable = view.getUint8(16) === 1 && this.#reuseTicks > 0;
    return isReusable && tick - (known[4] as number) <= this.#reuseTicks ? "reused" : "other";
  }

  #turn(nowMs: number): void {
    const age = nowMs - this.#turnedAtMs;
    if (age < GENERATION_MS) return;
    this.#old = age < 2 * GENERATION_MS ? this.#young : new Table(this.#maxSlots);
    this.#young = new Table(this.#maxSlots);
    this.#turnedAtMs = nowMs;
  }
}
