/** Messages in the ciphertext envelope, made and opened with a branch key of the caller's account and region. */

import {
  ApiError,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  encodeEnvelopeHeader,
  envelopeAssociatedData,
  envelopeBytes,
} from "@edge-kms/protocol";
import type { OpenKey } from "../keys/open-keys.ts";
import type { ActionCall } from "./call.ts";

/** The one answer to every ciphertext that does not open; the reason is for the audit trail. */
function invalidCiphertext(detail: string): ApiError {
  return new ApiError("InvalidParameterValue.InvalidCiphertext", { detail });
}

/** Encrypts under an open key. `plaintext` is read, not kept. */
export function sealWith(key: OpenKey, plaintext: Uint8Array, context: Uint8Array): string {
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
export function seal(
  call: ActionCall,
  keyId: string,
  plaintext: Uint8Array,
  context: Uint8Array,
): Promise<string> {
  const { account, region, trail } = call;
  trail.name(keyId);
  return call.withKey({ purpose: "encrypt", account, region: region.name, keyId }, (key) => {
    trail.used("encrypt", key);
    return sealWith(key, plaintext, context);
  });
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
  const plaintext = await call.withKey(
    { purpose: "decrypt", account, region: region.name, keyId, version, branch, suite },
    (key) => {
      trail.used("decrypt", key);
      const aad = envelopeAssociatedData(envelope.header, context);
      const { nonce, commitment, ciphertextAndTag } = envelope;
      return key.suiteKey.decrypt(nonce, aad, commitment, ciphertextAndTag);
    },
  );
  if (plaintext === null) throw invalidCiphertext("not-authentic");
  return { envelope, plaintext };
}
