/** Symmetric suites of regions: the name in the configuration, the number on the wire, the number in KeyMetadata. */

export const suites = {
  /** FIPS regions. */
  AES_256: { wire: 1, metadataType: 2, algorithm: "AES_256" },
  /** SM regions. */
  SM4: { wire: 2, metadataType: 4, algorithm: "SM4" },
} as const;

export type Suite = keyof typeof suites;
