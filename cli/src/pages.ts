/** Lists as a whole: page after page. */

/** The longest page that the service gives. */
const pageLimit = 200;

/**
 * @param ask one page from that offset: what is on it, and how many there are in all.
 * @returns everything, in order; the last page decides what else an answer has.
 */
export async function allPages<T>(
  ask: (page: { Offset: number; Limit: number }) => Promise<{ items: readonly T[]; total: number }>,
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const { items, total } = await ask({ Offset: all.length, Limit: pageLimit });
    all.push(...items);
    if (items.length === 0 || all.length >= total) return all;
  }
}
