/** PKCS #1 v1.5 (RFC 8017) where a store or OpenSSL leaves something to be said. */

/** RFC 8017 §9.2 note 1: DigestInfo of SHA-256 up to the digest. */
export const sha256DigestInfo = Buffer.from("3031300d060960864801650304020105000420", "hex");

/**
 * Whether `encoded` is 00 || 02 || PS || 00 || plaintext with PS of non-zero octets (RFC 8017 §7.2.1). Padding is removed elsewhere, in
 * OpenSSL or the token; newer ones answer wrong padding with made-up plaintext, which this finds out. It takes the same steps
 * whatever the bytes are; only the length of the plaintext shows.
 */
export function isPkcs1EncodingOf(encoded: Uint8Array, plaintext: Uint8Array): boolean {
  const start = encoded.length - plaintext.length;
  if (start < 11) return false;
  let difference = (encoded[0] as number) | ((encoded[1] as number) ^ 2);
  for (let n = 2; n < start - 1; n++) {
    // All ones in the upper bits when the octet is zero.
    difference |= ((encoded[n] as number) - 1) >> 8;
  }
  difference |= encoded[start - 1] as number;
  for (let n = start; n < encoded.length; n++) {
    difference |= (encoded[n] as number) ^ (plaintext[n - start] as number);
  }
  return difference === 0;
}
