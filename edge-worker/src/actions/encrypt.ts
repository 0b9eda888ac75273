/** Encrypt: up to 4096 bytes under the current branch of a CMK. */

import type { ActionCall, Input, Output } from "./call.ts";
import { seal } from "./ciphertext.ts";

export async function encrypt(
  input: Input<"Encrypt">,
  call: ActionCall,
): Promise<Output<"Encrypt">> {
  const { KeyId, Plaintext, EncryptionContext } = input;
  try {
    return { CiphertextBlob: await seal(call, KeyId, Plaintext, EncryptionContext), KeyId };
  } finally {
    Plaintext.fill(0);
  }
}
