/** EncryptionPublicKey: what a caller wants a reply encrypted to. */

import { type CurvePublicKey, parsePublicKeyPem, type RsaPublicKey } from "../public-keys/spki.ts";

export type ReplyPublicKey = RsaPublicKey | (CurvePublicKey & { readonly kind: "sm2" });

/** Null for anything but an RSA key of 2048 bits or an SM2 key. */
export function parseReplyKey(text: string): ReplyPublicKey | null {
  const key = parsePublicKeyPem(text);
  if (key === null || key.kind === "rsa") return key;
  return key.kind === "sm2" ? { kind: key.kind, point: key.point } : null;
}
