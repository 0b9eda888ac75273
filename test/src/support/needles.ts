/** Looking for secrets in bytes, in every encoding that might carry them. */

import type { Buffer as NodeBuffer } from "node:buffer";

const MAX_DEPTH = 4;
const base64Token = /[A-Za-z0-9+/_-]{16,}={0,2}/g;
const hexToken = /[0-9a-fA-F]{32,}/g;

/**
 * The names of the needles that occur in the hay: as they are, or inside base64, base64url or hexadecimal text in
 * it, such text in turn decoded, four deep (a signed message is base64 of JSON that holds base64).
 */
export function findNeedles(
  hay: NodeBuffer,
  needles: Readonly<Record<string, NodeBuffer>>,
  depth = 0,
  found = new Set<string>(),
): Set<string> {
  for (const [name, needle] of Object.entries(needles)) {
    if (hay.includes(needle)) found.add(name);
  }
  if (depth === MAX_DEPTH) return found;
  const text = hay.toString("latin1");
  for (const [token] of text.matchAll(base64Token)) {
    // A token may begin inside a longer run, so every alignment is tried.
    for (let skip = 0; skip < 4; skip++) {
      const decoded = Buffer.from(token.slice(skip), "base64");
      if (decoded.length >= 8)
        findNeedles(decoded, needles, skip === 0 ? depth + 1 : MAX_DEPTH, found);
    }
  }
  for (const [token] of text.matchAll(hexToken)) {
    findNeedles(Buffer.from(token, "hex"), needles, depth + 1, found);
  }
  return found;
}
