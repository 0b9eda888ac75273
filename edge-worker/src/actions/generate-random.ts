/** GenerateRandom: bytes from the platform's generator. */

import { base64Encode } from "@edge-kms/protocol";
import type { Input, Output } from "./call.ts";

export async function generateRandom(
  input: Input<"GenerateRandom">,
): Promise<Output<"GenerateRandom">> {
  const bytes = crypto.getRandomValues(new Uint8Array(input.NumberOfBytes));
  try {
    return { Plaintext: base64Encode(bytes) };
  } finally {
    bytes.fill(0);
  }
}
