// Structures in linear memory, in bytes. The host wrapper takes the sizes through exports, never by number.
//
// cipher key   rk(256) | kind(4) | rounds(4) | zero(8)
//                rk: AES 11, 13 or 15 round keys of 16 bytes in the basis of aes.ts; SM4 32 words of 4 bytes
// ghash key    powers(6 * 16) | tables(6 * 512): H^1 .. H^6, see ghash.ts
// gcm key      cipher key | ghash key | ready(4) | zero(12): ready = how many powers have tables

// Kinds of cipher (common/const.ts) are public: branches on them are allowed.
export { AES, SM4 } from "../common/const";

export const CK_KIND: usize = 256;
export const CK_ROUNDS: usize = 260;
export const CK_SIZE: usize = 272;

export const GK_POWERS: usize = CK_SIZE;
export const GK_TABLES: usize = CK_SIZE + 96;
export const GK_READY: usize = GK_TABLES + 3072;
export const GK_SIZE: usize = GK_READY + 16;

/** How many blocks GHASH takes at once, and so how many powers of H a gcm key holds. */
export const GHASH_WIDE: u32 = 6;
