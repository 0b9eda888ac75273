// Short words for the v128 instructions that every kernel uses.
//
// The whole package rests on one instruction: a 16-entry byte table lookup. Two builds come from one source:
//   relaxed: i8x16.relaxed_swizzle, one vpshufb on x86-64, one tbl on arm64;
//   plain:   i8x16.swizzle, which has to give 0 for every index above 15 and costs one more instruction on x86-64.
// Relaxed semantics differ from the plain ones only for indices 16..127, so every index here is either 0..15 or has
// its top bit set (which gives 0 under both). Both builds therefore compute the same bytes everywhere.

// @ts-ignore: decorator
@inline
export function swz(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index);
  return i8x16.swizzle(table, index);
}

/**
 * Sixteen times 0x0f. Loaded, never spelled as a constant: V8 builds a constant anew at each use, with three
 * instructions.
 */
export const NIBBLES = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

// @ts-ignore: decorator
@inline
export function xor(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

// @ts-ignore: decorator
@inline
export function xor3(a: v128, b: v128, c: v128): v128 {
  return v128.xor(v128.xor(a, b), c);
}

/** Low nibble of every byte. */
// @ts-ignore: decorator
@inline
export function lowNibbles(x: v128, mask0f: v128): v128 {
  return v128.and(x, mask0f);
}

/** High nibble of every byte. A 32-bit shift and a mask: x86-64 has no byte shift. */
// @ts-ignore: decorator
@inline
export function highNibbles(x: v128, mask0f: v128): v128 {
  return v128.and(i32x4.shr_u(x, 4), mask0f);
}

// @ts-ignore: decorator
@inline
export function ld(ptr: usize): v128 {
  return v128.load(ptr);
}

// @ts-ignore: decorator
@inline
export function st(ptr: usize, value: v128): void {
  v128.store(ptr, value);
}

/** Twelve bytes, zeroes behind. */
// @ts-ignore: decorator
@inline
export function ldNonce(ptr: usize): v128 {
  return i32x4.replace_lane(v128.load64_zero(ptr), 2, load<i32>(ptr + 8));
}

const SWAP = memory.data<u8>([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12], 16);

/** Bytes of each 32-bit lane reversed: big-endian words to lanes and back. */
// @ts-ignore: decorator
@inline
export function swapWords(x: v128): v128 {
  return swz(x, ld(SWAP));
}

// Interleaving, each one instruction: bytes, 16-bit and 32-bit lanes of the low or high halves of a and b.

// @ts-ignore: decorator
@inline
export function zipLow8(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
export function zipHigh8(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// @ts-ignore: decorator
@inline
export function zipLow16(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}

// @ts-ignore: decorator
@inline
export function zipHigh16(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
}

// @ts-ignore: decorator
@inline
export function zipLow32(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}

// @ts-ignore: decorator
@inline
export function zipHigh32(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
}

// @ts-ignore: decorator
@inline
export function zipLow64(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}

// @ts-ignore: decorator
@inline
export function zipHigh64(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/** Zeroes `length` bytes at `ptr`. */
export function wipe(ptr: usize, length: usize): void {
  const end = ptr + length;
  const zero = i32x4.splat(0);
  while (ptr + 16 <= end) {
    v128.store(ptr, zero);
    ptr += 16;
  }
  if (ptr + 8 <= end) {
    store<u64>(ptr, 0);
    ptr += 8;
  }
  while (ptr < end) store<u8>(ptr++, 0);
}

/** Copies `length` bytes; the areas do not overlap. */
export function copy(to: usize, from: usize, length: usize): void {
  const end = from + length;
  while (from + 16 <= end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
  if (from + 8 <= end) {
    store<u64>(to, load<u64>(from));
    from += 8;
    to += 8;
  }
  if (from + 4 <= end) {
    store<u32>(to, load<u32>(from));
    from += 4;
    to += 4;
  }
  while (from < end) store<u8>(to++, load<u8>(from++));
}

/** 1 when the areas are equal, else 0; reads all of both whatever they hold. */
export function equal(a: usize, b: usize, length: usize): u32 {
  let diff: u32 = 0;
  for (let i: usize = 0; i < length; i++) diff |= <u32>(load<u8>(a + i) ^ load<u8>(b + i));
  return (diff - 1) >>> 31;
}

/** `equal` of 16 bytes. */
// @ts-ignore: decorator
@inline
export function equal16(a: usize, b: usize): u32 {
  return isZero(v128.xor(v128.load(a), v128.load(b)));
}

/** 1 when all bits are 0, else 0. */
// @ts-ignore: decorator
@inline
export function isZero(diff: v128): u32 {
  const folded = i64x2.extract_lane(diff, 0) | i64x2.extract_lane(diff, 1);
  return <u32>(((folded | (0 - folded)) >>> 63) ^ 1);
}

/** Big-endian 32-bit store. */
// @ts-ignore: decorator
@inline
export function storeBe32(ptr: usize, value: u32): void {
  store<u32>(ptr, bswap<u32>(value));
}

// @ts-ignore: decorator
@inline
export function loadBe32(ptr: usize): u32 {
  return bswap<u32>(load<u32>(ptr));
}

// @ts-ignore: decorator
@inline
export function storeBe64(ptr: usize, value: u64): void {
  store<u64>(ptr, bswap<u64>(value));
}

// @ts-ignore: decorator
@inline
export function loadBe64(ptr: usize): u64 {
  return bswap<u64>(load<u64>(ptr));
}
