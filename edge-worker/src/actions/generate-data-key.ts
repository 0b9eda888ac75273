/** GenerateDataKey: a random data key, plain and encrypted under a CMK. */

import { ApiError, dataKeyBytes } from "@edge-kms/protocol";
import { prepareReply } from "../reply/reply.ts";
import type { ActionCall, Input, Output } from "./call.ts";
import { seal } from "./ciphertext.ts";

export async function generateDataKey(
  input: Input<"GenerateDataKey">,
  call: ActionCall,
): Promise<Output<"GenerateDataKey">> {
  if (input.IsHostedByKms === 1) {
    throw new ApiError("UnsupportedOperation", {
      message: "Hosting data keys (IsHostedByKms) is not supported.",
      detail: "hosted-data-key",
    });
  }
  const bytes = dataKeyBytes(input);
  if (bytes === null) throw new ApiError("MissingParameter");
  const reply = prepareReply(input, call.core);
  const dataKey = crypto.getRandomValues(new Uint8Array(bytes));
  try {
    const CiphertextBlob = await seal(call, input.KeyId, dataKey, input.EncryptionContext);
    return { KeyId: input.KeyId, Plaintext: await reply(dataKey), CiphertextBlob };
  } finally {
    dataKey.fill(0);
  }
}
