// What the AssemblyScript side and the host wrapper must agree on. Compiled by both, so: plain integers only.

/** Block ciphers; also the numbers of the suites built on them (design: suite 1 over AES, suite 2 over SM4). */
export const AES = 1;
export const SM4 = 2;

/** Hash functions. */
export const SHA256 = 1;
export const SM3 = 2;

export const BLOCK_BYTES = 16;
export const TAG_BYTES = 16;
export const DIGEST_BYTES = 32;

/** Suites: nonce, commitment, and the key of each. */
export const SUITE_NONCE_BYTES = 24;
export const COMMITMENT_BYTES = 32;
export const SUITE_1_KEY_BYTES = 32;
export const SUITE_2_KEY_BYTES = 16;
