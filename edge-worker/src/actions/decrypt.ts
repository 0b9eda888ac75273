/** Decrypt: a CiphertextBlob under the CMK that it names, optionally encrypted again to the caller's public key. */

import { prepareReply } from "../reply/reply.ts";
import type { ActionCall, Input, Output } from "./call.ts";
import { open } from "./ciphertext.ts";

export async function decrypt(
  input: Input<"Decrypt">,
  call: ActionCall,
): Promise<Output<"Decrypt">> {
  const reply = prepareReply(input, call.core);
  const { envelope, plaintext } = await open(call, input.CiphertextBlob, input.EncryptionContext);
  try {
    return { KeyId: envelope.keyId, Plaintext: await reply(plaintext) };
  } finally {
    plaintext.fill(0);
  }
}
