/** Messages in the ciphertext envelope, made and opened with a branch key of the caller's account and region. */

import {
  ApiError,
  base64Encode,
  concatBytes,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  encodeEnvelopeHeader,
  envelopeAssociatedData,
  envelopeBytes,
} from "@edge-kms/protocol";
import type { OpenKey } from "../keys/open-keys.ts";
import type { ActionCall, Branch } from "./call.ts";

/** The one answer to every ciphertext that does not open; the reason is for the audit trail. */
function invalidCiphertext(detail: string): ApiError {
  return new ApiError("InvalidParameterValue.InvalidCiphertext", { detail });
}

/** Encrypts under an open key. `plaintext` is read, not kept. */
function sealWith(key: OpenKey, plaintext: Uint8Array, context: Uint8Array): string {
  const nonce = crypto.getRandomValues(new Uint8Array(envelopeBytes.nonce));
  const header = encodeEnvelopeHeader({
    suite: key.suite,
    keyId: key.keyId,
    versionId: key.version,
    branchId: key.branch,
    nonce,
  });
  const sealed = key.suiteKey.encrypt(nonce, envelopeAssociatedData(header, context), plaintext);
  return encodeEnvelope(header, sealed.commitment, sealed.ciphertext);
}

/** Encrypts under the current branch of a CMK: the CiphertextBlob. */
export async function seal(
  call: ActionCall,
  keyId: string,
  plaintext: Uint8Array,
  context: Uint8Array,
): Promise<string> {
  const blob = await sealUnless(() => false, call, keyId, plaintext, context);
  if (blob === null) throw new ApiError("InternalError", { detail: "not-sealed" });
  return blob;
}

/**
 * As {@link seal}; null, and no use of the key, when `isDone` says of the current branch that there is no need. The bridge
 * has encrypted by then, and nobody gets to see what.
 */
export function sealUnless(
  isDone: (current: Branch) => boolean,
  call: ActionCall,
  keyId: string,
  plaintext: Uint8Array,
  context: Uint8Array,
): Promise<string | null> {
  const { account, region, trail } = call;
  trail.name(keyId);
  return call.withKey(
    { purpose: "encrypt", account, region: region.name, keyId },
    {
      operands: () => ({ context, text: plaintext }),
      here(key) {
        if (isDone(key)) return null;
        trail.used("encrypt", key);
        return sealWith(key, plaintext, context);
      },
      byBridge(done, content) {
        if (isDone(done)) return null;
        trail.used("encrypt", done);
        const blob = base64Encode(content);
        if (!isEnvelopeOf(done, blob, plaintext.length)) {
          throw new ApiError("InternalError", { detail: "another-envelope" });
        }
        return blob;
      },
    },
  );
}

/** What is answered must be what the audit record says. */
function isEnvelopeOf(branch: Branch, blob: string, plaintextBytes: number): boolean {
  const envelope = decodeEnvelope(blob);
  return (
    envelope !== null &&
    envelope.keyId === branch.keyId &&
    envelope.versionId === branch.version &&
    envelope.branchId === branch.branch &&
    envelope.suite === branch.suite &&
    envelope.ciphertextAndTag.length === plaintextBytes + envelopeBytes.tag
  );
}

export interface Opened {
  readonly envelope: Envelope;
  /** The caller's to wipe. */
  readonly plaintext: Uint8Array;
}

/** Opens a CiphertextBlob. @throws ApiError InvalidCiphertext whatever is wrong with it. */
export async function open(call: ActionCall, blob: string, context: Uint8Array): Promise<Opened> {
  const { account, region, trail } = call;
  const envelope = decodeEnvelope(blob);
  if (envelope === null) throw invalidCiphertext("not-an-envelope");
  const { keyId, versionId: version, branchId: branch, suite } = envelope;
  trail.name(keyId);
  if (version === 0) throw invalidCiphertext("unknown-version");
  const plaintext = await call.withKey<Uint8Array | null>(
    { purpose: "decrypt", account, region: region.name, keyId, version, branch, suite },
    {
      operands: () => ({
        context,
        text: concatBytes(envelope.header, envelope.commitment, envelope.ciphertextAndTag),
      }),
      here(key) {
        trail.used("decrypt", key);
        const aad = envelopeAssociatedData(envelope.header, context);
        const { nonce, commitment, ciphertextAndTag } = envelope;
        return key.suiteKey.decrypt(nonce, aad, commitment, ciphertextAndTag);
      },
      byBridge(done, content) {
        trail.used("decrypt", done);
        return content.slice();
      },
    },
  );
  if (plaintext === null) throw invalidCiphertext("not-authentic");
  return { envelope, plaintext };
}
