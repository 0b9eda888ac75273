/**
 * AES-256-GCM with associated data: McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", Appendix B, Test Case 16
 * (the vectors NIST's SP 800-38D refers to). Lower-case hexadecimal; `sealed` is ciphertext || tag.
 */
export const gcmKnownAnswer = {
  key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
  nonce: "cafebabefacedbaddecaf888",
  aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
  plaintext:
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  sealed:
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
} as const;
