/**
 * ReEncrypt: decrypts a CiphertextBlob and encrypts it anew, without showing the plaintext. What is already under the
 * current branch of the wanted key with the wanted context comes back unchanged, but only after it was authenticated: the
 * answer must not tell anything of a ciphertext or a context that is not the caller's.
 */

import { equalBytes } from "@edge-kms/protocol";
import type { ActionCall, Branch, Input, Output } from "./call.ts";
import { open, sealUnless } from "./ciphertext.ts";

export async function reEncrypt(
  input: Input<"ReEncrypt">,
  call: ActionCall,
): Promise<Output<"ReEncrypt">> {
  const { CiphertextBlob, SourceEncryptionContext, DestinationEncryptionContext } = input;
  const { envelope, plaintext } = await open(call, CiphertextBlob, SourceEncryptionContext);
  try {
    const KeyId = input.DestinationKeyId || envelope.keyId;
    const isSameContext = equalBytes(SourceEncryptionContext, DestinationEncryptionContext);
    const isCurrent = (current: Branch): boolean => {
      // A lease from before a rotation must not take a ciphertext back to the older version.
      const isAhead = envelope.versionId > current.version;
      const isOfBranch =
        current.version === envelope.versionId && current.branch === envelope.branchId;
      const isOfKey = KeyId === envelope.keyId && current.suite === envelope.suite;
      return isSameContext && isOfKey && (isAhead || isOfBranch);
    };
    const resealed = await sealUnless(
      isCurrent,
      call,
      KeyId,
      plaintext,
      DestinationEncryptionContext,
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
