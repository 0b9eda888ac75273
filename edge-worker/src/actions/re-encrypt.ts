/**
 * ReEncrypt: decrypts a CiphertextBlob and encrypts it anew, without showing the plaintext. What is already under the
 * current branch of the wanted key with the wanted context comes back unchanged, but only after it was authenticated: the
 * answer must not tell anything of a ciphertext or a context that is not the caller's.
 */

import { equalBytes } from "@edge-kms/protocol";
import type { ActionCall, Input, Output } from "./call.ts";
import { open, sealWith } from "./ciphertext.ts";

export async function reEncrypt(
  input: Input<"ReEncrypt">,
  call: ActionCall,
): Promise<Output<"ReEncrypt">> {
  const { CiphertextBlob, SourceEncryptionContext, DestinationEncryptionContext } = input;
  const { envelope, plaintext } = await open(call, CiphertextBlob, SourceEncryptionContext);
  try {
    const KeyId = input.DestinationKeyId || envelope.keyId;
    const isSameContext = equalBytes(SourceEncryptionContext, DestinationEncryptionContext);
    const { account, region, trail } = call;
    trail.name(KeyId);
    const resealed = await call.withKey(
      { purpose: "encrypt", account, region: region.name, keyId: KeyId },
      (key) => {
        // A lease from before a rotation must not take a ciphertext back to the older version.
        const isAhead = envelope.versionId > key.version;
        const isOfBranch = key.version === envelope.versionId && key.branch === envelope.branchId;
        const isCurrent =
          KeyId === envelope.keyId && key.suite === envelope.suite && (isAhead || isOfBranch);
        if (isCurrent && isSameContext) return null;
        trail.used("encrypt", key);
        return sealWith(key, plaintext, DestinationEncryptionContext);
      },
    );
    return {
      CiphertextBlob: resealed ?? CiphertextBlob,
      KeyId,
      SourceKeyId: envelope.keyId,
      ReEncrypted: resealed !== null,
    };
  } finally {
    plaintext.fill(0);
  }
}
