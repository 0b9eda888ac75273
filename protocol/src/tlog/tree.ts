/**
 * The Merkle tree of a log (RFC 9162 §2.1, the same as RFC 6962's), over SHA-256: roots, proofs that an entry is in it, proofs that
 * a tree is the beginning of a larger one. Entries are numbered from 0; hashes have 32 bytes.
 *
 * What is stored is one hash per complete subtree: `level` 0 are the leaves, the subtree `index` at a level covers the entries from
 * `index * 2^level` on. Those never change, whatever is appended. Numbers are safe integers, so no bit operations on them.
 */

import { equalBytes } from "../bytes.ts";
import type { Sha256 } from "../signature/parts.ts";

export const HASH_BYTES = 32;

/** The hash of a complete subtree. Asked only for those within the size that is given beside it. */
export type ReadSubtree = (level: number, index: number) => Promise<Uint8Array>;

/** RFC 9162 §2.1.1: leaves and nodes are hashed differently, so that neither passes for the other. */
export function leafHash(sha256: Sha256, entry: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + entry.length);
  bytes.set(entry, 1);
  return sha256(bytes);
}

export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES);
  bytes[0] = 1;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return sha256(bytes);
}

/**
 * The complete subtrees that an appended leaf completes, the leaf itself first. `size` is that of the tree before.
 *
 * @param read of the tree before.
 */
export async function subtreesCompletedBy(
  sha256: Sha256,
  leaf: Uint8Array,
  size: number,
  read: ReadSubtree,
): Promise<{ readonly level: number; readonly index: number; readonly hash: Uint8Array }[]> {
  let index = size;
  let hash = leaf;
  const completed = [{ level: 0, index, hash }];
  for (let level = 0; index % 2 === 1; level++) {
    hash = nodeHash(sha256, await read(level, index - 1), hash);
    index = (index - 1) / 2;
    completed.push({ level: level + 1, index, hash });
  }
  return completed;
}

/** The root of the tree of the first `size` entries; that of none is the hash of nothing. */
export function rootOf(sha256: Sha256, size: number, read: ReadSubtree): Promise<Uint8Array> {
  requireCount(size);
  return size === 0
    ? Promise.resolve(sha256(new Uint8Array()))
    : hashOfRange(sha256, 0, size, read);
}

/** PATH of RFC 9162 §2.1.3.1, from the leaf upwards. RangeError unless `index < size`. */
export async function inclusionProof(
  sha256: Sha256,
  index: number,
  size: number,
  read: ReadSubtree,
): Promise<Uint8Array[]> {
  requireCount(index);
  requireCount(size);
  if (index >= size) throw new RangeError("an entry that is not in the tree");
  const proof: Uint8Array[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + leftSize(to - from);
    const isLeft = index < middle;
    proof.push(await hashOfRange(sha256, isLeft ? middle : from, isLeft ? to : middle, read));
    if (isLeft) to = middle;
    else from = middle;
  }
  return proof.reverse();
}

/** PROOF of RFC 9162 §2.1.4.1. RangeError unless `0 < before <= size`. Empty when both are the same. */
export async function consistencyProof(
  sha256: Sha256,
  before: number,
  size: number,
  read: ReadSubtree,
): Promise<Uint8Array[]> {
  requireCount(before);
  requireCount(size);
  if (before === 0 || before > size)
    throw new RangeError("a tree that is no beginning of the other");
  const proof: Uint8Array[] = [];
  let [from, to] = [0, size];
  // While the smaller tree begins where the larger one does its root is known to whoever verifies.
  let isKnown = true;
  while (before < to) {
    const middle = from + leftSize(to - from);
    if (before <= middle) {
      proof.push(await hashOfRange(sha256, middle, to, read));
      to = middle;
    } else {
      proof.push(await hashOfRange(sha256, from, middle, read));
      from = middle;
      isKnown = false;
    }
  }
  if (!isKnown) proof.push(await hashOfRange(sha256, from, to, read));
  return proof.reverse();
}

/** Whether the entry with this leaf hash is the one of that number in the tree with this root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  sha256: Sha256,
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) {
    return false;
  }
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sha256, sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(sha256, hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** Whether the smaller tree is the beginning of the larger one (RFC 9162 §2.1.4.2). A tree of nothing is that of any. */
export function verifyConsistency(
  sha256: Sha256,
  before: { readonly size: number; readonly root: Uint8Array },
  after: { readonly size: number; readonly root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(before.size) || !isCount(after.size) || before.size > after.size) return false;
  if (!areHashes([before.root, after.root, ...proof])) return false;
  if (before.size === 0) {
    return proof.length === 0 && equalBytes(before.root, sha256(new Uint8Array()));
  }
  if (before.size === after.size) return proof.length === 0 && equalBytes(before.root, after.root);
  // A complete subtree is its own first element.
  const path = isPowerOfTwo(before.size) ? [before.root, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let node = before.size - 1;
  let last = after.size - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let older = first;
  let newer = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = nodeHash(sha256, hash, older);
      newer = nodeHash(sha256, hash, newer);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      newer = nodeHash(sha256, newer, hash);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(older, before.root) && equalBytes(newer, after.root);
}

/** MTH of RFC 9162 §2.1.1 of entries `from` to `to - 1`, of complete subtrees. */
async function hashOfRange(
  sha256: Sha256,
  from: number,
  to: number,
  read: ReadSubtree,
): Promise<Uint8Array> {
  const size = to - from;
  if (isPowerOfTwo(size)) return read(Math.round(Math.log2(size)), from / size);
  const middle = from + leftSize(size);
  return nodeHash(
    sha256,
    await hashOfRange(sha256, from, middle, read),
    await hashOfRange(sha256, middle, to, read),
  );
}

/** The largest power of two smaller than a size above 1. */
function leftSize(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

function isPowerOfTwo(size: number): boolean {
  return leftSize(2 * size) === size;
}

function half(number: number): number {
  return Math.floor(number / 2);
}

function isCount(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function requireCount(number: number): void {
  if (!isCount(number)) throw new RangeError("a tree has a whole number of entries");
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every(({ length }) => length === HASH_BYTES);
}
