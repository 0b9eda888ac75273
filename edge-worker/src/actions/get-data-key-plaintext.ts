/** GetDataKeyPlaintext: a hosted data key, opened here and nowhere else. */

import { ApiError, noEncryptionContext } from "@edge-kms/protocol";
import { prepareReply } from "../reply/reply.ts";
import type { ActionCall, Input, Output } from "./call.ts";
import { open } from "./ciphertext.ts";

export async function getDataKeyPlaintext(
  input: Input<"GetDataKeyPlaintext">,
  call: ActionCall,
): Promise<Output<"GetDataKeyPlaintext">> {
  const reply = prepareReply(input, call.core);
  call.trail.name(input.DataKeyId);
  const { account, region } = call;
  const { DataKeyId: dataKeyId } = input;
  const read = await call.dataKeys.readDataKey({ account, region: region.name, dataKeyId });
  if (!read.ok) throw new ApiError(read.code, { detail: read.reason });
  const { envelope, plaintext } = await openHosted(call, read.value.blob);
  try {
    // The control plane cannot make a data key, but it could hand out another one of the same account.
    if (envelope.keyId !== read.value.keyId)
      throw new ApiError("InternalError", { detail: "another-key" });
    return { Plaintext: await reply(plaintext) };
  } finally {
    plaintext.fill(0);
  }
}

/** What does not open was not sealed here: a fault, not the caller's doing. */
async function openHosted(call: ActionCall, blob: string) {
  try {
    return await open(call, blob, noEncryptionContext);
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    switch (thrown.code) {
      case "InvalidParameterValue.InvalidCiphertext":
        throw new ApiError("InternalError", { detail: `hosted-${thrown.detail}`, cause: thrown });
      default:
        throw thrown;
    }
  }
}
