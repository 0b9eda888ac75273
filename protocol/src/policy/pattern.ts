/**
 * Texts in which `*` stands for any run of characters, also for none (contract §4.2). Compiled to what lies between the
 * stars, so that matching is a few comparisons: no backtracking, whatever a policy's author writes.
 */

/** One piece: the text itself. More: a star between each two. */
export type Pattern = readonly string[];

export function compilePattern(text: string): Pattern {
  const pieces = text.split("*");
  // "a**b" says no more than "a*b".
  return pieces.filter((piece, n) => piece !== "" || n === 0 || n === pieces.length - 1);
}

/** Linear in the text's length for each piece. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  const first = pattern[0] ?? "";
  if (pattern.length === 1) return text === first;
  const last = pattern[pattern.length - 1] as string;
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (let n = 1; n < pattern.length - 1; n++) {
    const piece = pattern[n] as string;
    const found = text.indexOf(piece, at);
    // The earliest place leaves the most room for what follows.
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
