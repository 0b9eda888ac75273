/** GetPublicKey: what the bridge has signed, in DER and in PEM (RFC 7468 §13). */

import { base64Encode } from "@edge-kms/protocol";
import type { ActionCall, Input, Output } from "./call.ts";

export async function getPublicKey(
  { KeyId }: Input<"GetPublicKey">,
  call: ActionCall,
): Promise<Output<"GetPublicKey">> {
  call.trail.name(KeyId);
  const { publicKey } = await call.publicKey(KeyId);
  const PublicKey = base64Encode(publicKey);
  const lines = PublicKey.match(/.{1,64}/g) ?? [];
  return {
    KeyId,
    PublicKey,
    PublicKeyPem: `-----BEGIN PUBLIC KEY-----\n${lines.join("\n")}\n-----END PUBLIC KEY-----\n`,
  };
}
