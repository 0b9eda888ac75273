/** AsymmetricRsaDecrypt and AsymmetricSm2Decrypt: by the bridge, the plaintext sealed on its way here. */

import { base64Encode, type PairOperation } from "@edge-kms/protocol";
import type { ActionCall, Input, Output } from "./call.ts";

export async function asymmetricRsaDecrypt(
  { KeyId, Ciphertext, Algorithm }: Input<"AsymmetricRsaDecrypt">,
  call: ActionCall,
): Promise<Output<"AsymmetricRsaDecrypt">> {
  return { KeyId, Plaintext: await decrypt(call, KeyId, Ciphertext, Algorithm) };
}

export async function asymmetricSm2Decrypt(
  { KeyId, Ciphertext }: Input<"AsymmetricSm2Decrypt">,
  call: ActionCall,
): Promise<Output<"AsymmetricSm2Decrypt">> {
  return { KeyId, Plaintext: await decrypt(call, KeyId, Ciphertext, "SM2") };
}

async function decrypt(
  { account, region, trail, withPair }: ActionCall,
  keyId: string,
  ciphertext: Uint8Array,
  algorithm: Extract<PairOperation, { purpose: "asymmetric-decrypt" }>["algorithm"],
): Promise<string> {
  trail.name(keyId);
  const plaintext = await withPair(
    { purpose: "asymmetric-decrypt", account, region: region.name, keyId, algorithm },
    ciphertext,
  );
  try {
    return base64Encode(plaintext);
  } finally {
    plaintext.fill(0);
  }
}
