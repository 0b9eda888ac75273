/**
 * What a store of several tokens answers to an encryption: one wrapping per token, any of which opens it.
 *
 *     "EKRS" || version(1) = 1 || count(1) || count × ( length(1) || label || length(2, big-endian) || wrapping )
 *
 * Labels are UTF-8 of 1–32 bytes (CK_TOKEN_INFO.label) and differ; a wrapping is what the token's own store answered. Each authenticates
 * itself; the list needs no tag, since a copy that is missing or altered can make an opening fail and never succeed wrongly.
 */

import { type Bytes, concatBytes, utf8Encode } from "@edge-kms/protocol";

const HEAD = Uint8Array.of(0x45, 0x4b, 0x52, 0x53, 1);
export const MAX_LABEL_BYTES = 32;
/** `sealed` of SecretKeys has at most 1,024 characters of base64 (protocol/src/wire/bridge.ts). */
export const MAX_TOKENS = 8;

/** Wrappings by the label of their token. */
export type SealedCopies = ReadonlyMap<string, Uint8Array>;

export function encodeCopies(copies: SealedCopies): Bytes {
  const parts = [...copies].flatMap(([label, wrapping]) => {
    const name = utf8Encode(label);
    return [
      Uint8Array.of(name.length),
      name,
      Uint8Array.of(wrapping.length >> 8, wrapping.length & 0xff),
      wrapping,
    ];
  });
  return concatBytes(HEAD, Uint8Array.of(copies.size), ...parts);
}

/** Null for whatever is not in this form, to the last byte. */
export function decodeCopies(bytes: Uint8Array): SealedCopies | null {
  if (!HEAD.every((byte, n) => bytes[n] === byte)) return null;
  const copies = new Map<string, Uint8Array>();
  let at = HEAD.length + 1;
  const take = (length: number): Uint8Array => {
    const part = bytes.subarray(at, at + length);
    at += length;
    return part;
  };
  for (let left = bytes[HEAD.length] ?? 0; left > 0; left--) {
    const label = Buffer.from(take(bytes[at++] ?? 0)).toString("utf8");
    const [high = 0, low = 0] = take(2);
    copies.set(label, take((high << 8) | low));
  }
  const isWhole = at === bytes.length && copies.size === bytes[HEAD.length] && copies.size > 0;
  return isWhole ? copies : null;
}
