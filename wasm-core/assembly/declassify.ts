// The one door through which something computed from secrets may steer the program.
//
// A value that passes here goes through the memory word `VERDICT`. The proof of constant time
// (test/constant-time.test.ts) treats what is loaded from that word as public, everything else computed from
// secrets as secret, and checks that exactly these values come through:
//
//   gcmShortOpen, gcmOpen, suiteVerify    whether tag and commitment are both right, one bit for both. The caller is
//                                         told the same bit, and the plaintext must not be made when it is 0.
//
// Ciphertext, tags and commitments need no door: they are written out, and nothing branches on them.

export const VERDICT = memory.data(4, 4);

export function declassify(verdict: u32): u32 {
  store<u32>(VERDICT, verdict);
  return load<u32>(VERDICT);
}
