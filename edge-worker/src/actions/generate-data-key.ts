/** GenerateDataKey: a random data key, plain and encrypted under a CMK. */

import { ApiError, dataKeyBytes } from "@edge-kms/protocol";
import { prepareReply } from "../reply/reply.ts";
import type { ActionCall, Input, Output } from "./call.ts";
import { seal } from "./ciphertext.ts";
import { hostDataKey } from "./host-data-key.ts";

export async function generateDataKey(
  input: Input<"GenerateDataKey">,
  call: ActionCall,
): Promise<Output<"GenerateDataKey">> {
  const bytes = dataKeyBytes(input);
  if (bytes === null) throw new ApiError("MissingParameter");
  const reply = prepareReply(input, call.core);
  const dataKey = crypto.getRandomValues(new Uint8Array(bytes));
  try {
    const CiphertextBlob = await seal(call, input.KeyId, dataKey, input.EncryptionContext);
    const Plaintext = await reply(dataKey);
    const hosted =
      input.IsHostedByKms === 1
        ? await hostDataKey(call, {
            keyId: input.KeyId,
            name: input.DataKeyName ?? "",
            description: input.Description ?? "",
            material: "TENCENT_KMS",
            tags: input.Tags,
            plaintext: dataKey,
          })
        : {};
    return { KeyId: input.KeyId, Plaintext, CiphertextBlob, ...hosted };
  } finally {
    dataKey.fill(0);
  }
}
