// AssemblyScript that leaks on purpose: the taint interpreter must refuse each of these. Compiled by the test.

const SBOX = memory.data(256);

/** A real S-box, so that `tableAes` below is the textbook AES round and not a straw man. */
export function fillSbox(): void {
  let p: u32 = 1;
  let q: u32 = 1;
  do {
    p = (p ^ (p << 1) ^ (p & 0x80 ? 0x1b : 0)) & 0xff;
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q &= 0xff;
    if (q & 0x80) q ^= 0x09;
    const x = q | (q << 8);
    store<u8>(SBOX + p, <u8>(q ^ (x >> 7) ^ (x >> 6) ^ (x >> 5) ^ (x >> 4) ^ 0x63));
  } while (p != 1);
  store<u8>(SBOX, 0x63);
}

/** One AES round by table lookup: SubBytes, ShiftRows, MixColumns, AddRoundKey. */
export function tableAes(state: usize, key: usize, out: usize): void {
  for (let c: usize = 0; c < 4; c++) {
    const a: u32 = load<u8>(SBOX + load<u8>(state + 4 * c));
    const b: u32 = load<u8>(SBOX + load<u8>(state + ((4 * c + 5) & 15)));
    const d: u32 = load<u8>(SBOX + load<u8>(state + ((4 * c + 10) & 15)));
    const e: u32 = load<u8>(SBOX + load<u8>(state + ((4 * c + 15) & 15)));
    const all = a ^ b ^ d ^ e;
    store<u8>(out + 4 * c, <u8>(a ^ all ^ double(a ^ b)) ^ load<u8>(key + 4 * c));
    store<u8>(out + 4 * c + 1, <u8>(b ^ all ^ double(b ^ d)) ^ load<u8>(key + 4 * c + 1));
    store<u8>(out + 4 * c + 2, <u8>(d ^ all ^ double(d ^ e)) ^ load<u8>(key + 4 * c + 2));
    store<u8>(out + 4 * c + 3, <u8>(e ^ all ^ double(e ^ a)) ^ load<u8>(key + 4 * c + 3));
  }
}

function double(x: u32): u32 {
  return (x << 1) ^ ((x >> 7) * 0x1b);
}

/** A comparison that stops at the first difference. */
export function earlyExit(a: usize, b: usize, length: usize): u32 {
  for (let n: usize = 0; n < length; n++) if (load<u8>(a + n) != load<u8>(b + n)) return 0;
  return 1;
}

export function choose(secret: usize, a: u32, b: u32): u32 {
  return load<u8>(secret) & 1 ? a : b;
}

export function remainder(secret: usize): u32 {
  return load<u32>(secret) % 251;
}

/** Through memory and back, through a vector, through arithmetic: taint must survive all of it. */
export function laundered(secret: usize, scratch: usize): u32 {
  v128.store(scratch, v128.load(secret));
  store<u64>(scratch + 16, load<u64>(scratch) + 1);
  const lane = i32x4.extract_lane(i8x16.swizzle(v128.load(scratch + 8), v128.load(scratch)), 1);
  return load<u8>(SBOX + ((lane >>> 3) & 255));
}

export function writesByIndex(secret: usize, to: usize): void {
  store<u8>(to + load<u8>(secret), 1);
}

export function harmless(secret: usize, to: usize): void {
  store<u32>(to, rotl<u32>(load<u32>(secret), 5) ^ 0x5a5a5a5a);
}
