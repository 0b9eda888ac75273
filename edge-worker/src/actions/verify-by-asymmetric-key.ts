/** VerifyByAsymmetricKey: here, with the public key. A signature that is not valid is an answer, not an error. */

import { ApiError, signAlgorithmRows } from "@edge-kms/protocol";
import { parsePublicKey } from "../public-keys/spki.ts";
import { verifySignature } from "../public-keys/verify.ts";
import type { ActionCall, Input, Output } from "./call.ts";

export async function verifyByAsymmetricKey(
  input: Input<"VerifyByAsymmetricKey">,
  call: ActionCall,
): Promise<Output<"VerifyByAsymmetricKey">> {
  const { KeyId, Algorithm, Message, SignatureValue, MessageType } = input;
  call.trail.name(KeyId);
  const { usage, publicKey } = await call.publicKey(KeyId).catch((thrown: unknown) => {
    // Not of an asymmetric CMK.
    const isOther = thrown instanceof ApiError && thrown.code === "InvalidParameter";
    throw isOther ? otherUsage() : thrown;
  });
  if (signAlgorithmRows[Algorithm].usage !== usage) throw otherUsage();
  const key = parsePublicKey(publicKey);
  const signed = {
    algorithm: Algorithm,
    message: Message,
    isDigest: MessageType === "DIGEST",
    signature: SignatureValue,
  };
  const SignatureValid = key === null ? null : await verifySignature(call.core, key, signed);
  if (SignatureValid === null)
    throw new ApiError("InternalError", { detail: "another-kind-of-key" });
  return { SignatureValid };
}

/** Its list of errors has no `InvalidKeyUsage`. */
function otherUsage(): ApiError {
  return new ApiError("InvalidParameterValue", {
    message: "The CMK is not one for this Algorithm.",
  });
}
