/** ImportDataKey: a data key that exists already, plain or encrypted under a CMK, is hosted. Its plaintext ends here. */

import { ApiError, base64Decode, decodeEnvelope, noEncryptionContext } from "@edge-kms/protocol";
import type { ActionCall, Input, Output } from "./call.ts";
import { open } from "./ciphertext.ts";
import { hostDataKey } from "./host-data-key.ts";

const MAX_BYTES = 1024;

export async function importDataKey(
  input: Input<"ImportDataKey">,
  call: ActionCall,
): Promise<Output<"ImportDataKey">> {
  const { keyId, plaintext } =
    input.ImportType === 1 ? await openMaterial(input, call) : readMaterial(input);
  try {
    const hosted = await hostDataKey(call, {
      keyId,
      name: input.DataKeyName,
      description: input.Description ?? "",
      material: "EXTERNAL",
      tags: input.Tags,
      plaintext,
    });
    return { KeyId: keyId, ...hosted };
  } finally {
    plaintext.fill(0);
  }
}

/** ImportType 1: a ciphertext under a CMK of the caller's, and under the one that KeyId names, if it names one. */
async function openMaterial(input: Input<"ImportDataKey">, call: ActionCall) {
  const { ImportKeyMaterial, KeyId } = input;
  const named = decodeEnvelope(ImportKeyMaterial)?.keyId;
  if (named === undefined) throw invalidMaterial("not-an-envelope");
  if (KeyId !== "" && KeyId !== named) throw invalidMaterial("another-key");
  try {
    const { plaintext } = await open(call, ImportKeyMaterial, noEncryptionContext);
    if (plaintext.length >= 1 && plaintext.length <= MAX_BYTES) return { keyId: named, plaintext };
    plaintext.fill(0);
    throw invalidMaterial("length");
  } catch (thrown) {
    const isInvalid =
      thrown instanceof ApiError && thrown.code === "InvalidParameterValue.InvalidCiphertext";
    throw isInvalid ? invalidMaterial(thrown.detail ?? "not-authentic") : thrown;
  }
}

/** ImportType 2: base64 of the data key itself. */
function readMaterial({ ImportKeyMaterial, KeyId }: Input<"ImportDataKey">) {
  const plaintext = base64Decode(ImportKeyMaterial);
  if (plaintext !== null && plaintext.length >= 1 && plaintext.length <= MAX_BYTES) {
    return { keyId: KeyId, plaintext };
  }
  plaintext?.fill(0);
  throw new ApiError("InvalidParameterValue.InvalidPlaintext", {
    message: `ImportKeyMaterial must be base64 of 1 to ${MAX_BYTES} bytes.`,
  });
}

function invalidMaterial(detail: string): ApiError {
  return new ApiError("InvalidParameterValue.InvalidImportKeyMaterial", { detail });
}
