/**
 * The ciphertext envelope: what Encrypt and GenerateDataKey return as CiphertextBlob. It names the key that opens it, and
 * every byte of it is authenticated.
 *
 *     magic(1) format(1) suite(1) keyId(16) versionId(4) branchId(8) nonce(24) │ commitment(32) │ ciphertext tag(16)
 *     └────────────────────────── header, 55 bytes ─────────────────────────┘
 *
 * Integers are big-endian; the whole travels as canonical base64. The associated data of the encryption are the header
 * and the canonical EncryptionContext, one after the other. The commitment binds nonce and branch key.
 */

import {
  type Bytes,
  base64Decode,
  base64Encode,
  concatBytes,
  hexDecode,
  hexEncode,
  readU32,
  uuidDecode,
  uuidEncode,
  writeU32,
} from "./bytes.ts";

export const envelopeMagic = 0x4b;
export const envelopeFormat = 1;

/** The algorithm suites. A suite says how a branch key and a nonce become a message key, and what encrypts with it. */
export const envelopeSuites = {
  1: { name: "AES_256", algorithm: "XAES-256-GCM with KC-XAES commitment" },
  2: { name: "SM4", algorithm: "the same construction over SM4" },
} as const;

export type EnvelopeSuite = keyof typeof envelopeSuites;

/** Lengths of the parts, in bytes. */
export const envelopeBytes = {
  keyId: 16,
  branchId: 8,
  nonce: 24,
  header: 55,
  commitment: 32,
  tag: 16,
  /** Longest plaintext: what Encrypt takes. Data keys are shorter. */
  maxPlaintext: 4096,
} as const;

const keyIdAt = 3;
const versionIdAt = 19;
const branchIdAt = 23;
const nonceAt = 31;
const shortestEnvelope = envelopeBytes.header + envelopeBytes.commitment + envelopeBytes.tag;
const longestEnvelope = shortestEnvelope + envelopeBytes.maxPlaintext;
const longestText = Math.ceil(longestEnvelope / 3) * 4;

/** Who encrypted: the place of the branch key in the hierarchy, and the nonce of the message. */
export interface EnvelopeHeader {
  readonly suite: EnvelopeSuite;
  /** The CMK's id, a UUID in lower-case text. */
  readonly keyId: string;
  /** The number of the key version, 32 bits unsigned. */
  readonly versionId: number;
  /** The branch key's random id: 16 lower-case hexadecimal digits. */
  readonly branchId: string;
  /** 24 bytes. */
  readonly nonce: Uint8Array;
}

/** A decoded envelope. The byte arrays are views of one buffer; none of it has been authenticated yet. */
export interface Envelope extends EnvelopeHeader {
  /** The 55 bytes of the header: the first part of the associated data. */
  readonly header: Bytes;
  /** 32 bytes. */
  readonly commitment: Bytes;
  /** Ciphertext followed by the tag of 16 bytes. */
  readonly ciphertextAndTag: Bytes;
}

/** The 55 bytes of a header. RangeError for ids or a nonce of the wrong form. */
export function encodeEnvelopeHeader(header: EnvelopeHeader): Bytes {
  const keyId = uuidDecode(header.keyId);
  const branchId = hexDecode(header.branchId);
  if (!Object.hasOwn(envelopeSuites, header.suite)) throw new RangeError("unknown suite");
  if (keyId === null) throw new RangeError("keyId must be a UUID in lower case");
  if (branchId?.length !== envelopeBytes.branchId) {
    throw new RangeError(`branchId must have ${envelopeBytes.branchId} bytes in hexadecimal`);
  }
  if (header.nonce.length !== envelopeBytes.nonce) {
    throw new RangeError(`expected a nonce of 24 bytes, not ${header.nonce.length}`);
  }
  const bytes = new Uint8Array(envelopeBytes.header);
  bytes[0] = envelopeMagic;
  bytes[1] = envelopeFormat;
  bytes[2] = header.suite;
  bytes.set(keyId, keyIdAt);
  writeU32(bytes, versionIdAt, header.versionId);
  bytes.set(branchId, branchIdAt);
  bytes.set(header.nonce, nonceAt);
  return bytes;
}

/**
 * The text of an envelope.
 *
 * @param header 55 bytes from `encodeEnvelopeHeader`, the same that were authenticated.
 * @param commitment 32 bytes.
 * @param ciphertextAndTag the ciphertext followed by its tag, 16 to 4112 bytes.
 * @throws RangeError when a length is another.
 */
export function encodeEnvelope(
  header: Uint8Array,
  commitment: Uint8Array,
  ciphertextAndTag: Uint8Array,
): string {
  if (header.length !== envelopeBytes.header) {
    throw new RangeError(`expected a header of 55 bytes, not ${header.length}`);
  }
  if (commitment.length !== envelopeBytes.commitment) {
    throw new RangeError(`expected a commitment of 32 bytes, not ${commitment.length}`);
  }
  const ciphertextBytes = ciphertextAndTag.length - envelopeBytes.tag;
  if (ciphertextBytes < 0 || ciphertextBytes > envelopeBytes.maxPlaintext) {
    throw new RangeError(`expected ciphertext and tag, not ${ciphertextAndTag.length} bytes`);
  }
  return base64Encode(concatBytes(header, commitment, ciphertextAndTag));
}

/**
 * The parts of an envelope, or `null` when the text is not one: not canonical base64, too short or too long, or of an
 * unknown magic, format or suite. The caller is told the same in all these cases, InvalidCiphertext, as when the
 * envelope does not open.
 */
export function decodeEnvelope(text: string): Envelope | null {
  if (text.length > longestText) return null;
  const bytes = base64Decode(text);
  if (bytes === null || bytes.length < shortestEnvelope || bytes.length > longestEnvelope) {
    return null;
  }
  const suite = bytes[2];
  if (bytes[0] !== envelopeMagic || bytes[1] !== envelopeFormat) return null;
  if (suite !== 1 && suite !== 2) return null;
  const commitmentEnd = envelopeBytes.header + envelopeBytes.commitment;
  return {
    suite,
    keyId: uuidEncode(bytes.subarray(keyIdAt, versionIdAt)),
    versionId: readU32(bytes, versionIdAt),
    branchId: hexEncode(bytes.subarray(branchIdAt, nonceAt)),
    nonce: bytes.subarray(nonceAt, envelopeBytes.header),
    header: bytes.subarray(0, envelopeBytes.header),
    commitment: bytes.subarray(envelopeBytes.header, commitmentEnd),
    ciphertextAndTag: bytes.subarray(commitmentEnd),
  };
}

/** The associated data of a message: header and canonical context, one after the other. */
export function envelopeAssociatedData(header: Uint8Array, canonicalContext: Uint8Array): Bytes {
  return concatBytes(header, canonicalContext);
}
