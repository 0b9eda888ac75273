/** SignByAsymmetricKey: the private key stays in the bridge, and message and signature are seen by nobody on the way. */

import { base64Encode } from "@edge-kms/protocol";
import type { ActionCall, Input, Output } from "./call.ts";

export async function signByAsymmetricKey(
  input: Input<"SignByAsymmetricKey">,
  call: ActionCall,
): Promise<Output<"SignByAsymmetricKey">> {
  const { KeyId: keyId, Algorithm: algorithm, Message, MessageType } = input;
  const { account, region, trail } = call;
  trail.name(keyId);
  const isDigest = MessageType === "DIGEST";
  try {
    const signature = await call.withPair(
      { purpose: "sign", account, region: region.name, keyId, algorithm, isDigest },
      Message,
    );
    return { Signature: base64Encode(signature) };
  } finally {
    Message.fill(0);
  }
}
