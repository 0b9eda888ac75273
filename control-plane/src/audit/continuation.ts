/** What a delivery adds to the stored chain of an instance: the rule by which each record is stored once, in order, without gap. */

/** A record's place in the chain of its instance. */
export interface ChainLink {
  readonly seq: number;
  /** Hash of the record before. */
  readonly prev: string;
  readonly hash: string;
}

/** The newest stored record; sequence number 0 before the first. */
export interface ChainHead {
  readonly lastSeq: number;
  readonly lastHash: string;
}

/**
 * The part of a delivery that is not stored yet. Of what is, the newest must be what is stored under its number.
 *
 * @param delivered in order, each continuing the one before.
 */
export function continuation<L>(
  head: ChainHead,
  delivered: readonly L[],
  linkOf: (one: L) => ChainLink,
): readonly L[] | "gap" | "conflict" {
  const at = delivered.findIndex((one) => linkOf(one).seq > head.lastSeq);
  const first = delivered[at];
  if (first === undefined) {
    const same = delivered.find((one) => linkOf(one).seq === head.lastSeq);
    return same !== undefined && linkOf(same).hash !== head.lastHash ? "conflict" : [];
  }
  const { seq, prev } = linkOf(first);
  if (seq !== head.lastSeq + 1) return "gap";
  return prev === head.lastHash ? delivered.slice(at) : "conflict";
}
