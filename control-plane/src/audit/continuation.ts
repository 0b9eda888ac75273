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
  const fresh = delivered.filter((one) => linkOf(one).seq > head.lastSeq);
  const [first] = fresh.map(linkOf);
  if (first === undefined) {
    const same = delivered.map(linkOf).find(({ seq }) => seq === head.lastSeq);
    return same !== undefined && same.hash !== head.lastHash ? "conflict" : [];
  }
  if (first.seq !== head.lastSeq + 1) return "gap";
  return first.prev === head.lastHash ? fresh : "conflict";
}
