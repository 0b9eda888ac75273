/**
 * Sealing to an edge: HPKE base mode (RFC 9180 §6.1), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 * `info` is the type of the grant, `aad` binds the request and the lease.
 */

import {
  base64Encode,
  type HpkeSealed,
  type SignedMessageType,
  utf8Encode,
} from "@edge-kms/protocol";
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { refused } from "./edge-request.ts";

export const suite = new CipherSuite(
  KEM_DHKEM_X25519_HKDF_SHA256,
  KDF_HKDF_SHA256,
  AEAD_AES_256_GCM,
);

/**
 * Seals a secret, which stays the caller's to wipe. A public key of small order is refused by X25519's check for an
 * all-zero shared secret (RFC 7748 §6.1, RFC 9180 §7.1.4).
 */
export async function sealToEdge(
  hpkePublicKey: Uint8Array,
  secret: Uint8Array,
  grantType: SignedMessageType,
  requestHash: string,
  leaseId: string,
): Promise<HpkeSealed> {
  try {
    const recipient = await suite.DeserializePublicKey(hpkePublicKey);
    const { encapsulatedSecret, ciphertext } = await suite.Seal(recipient, secret, {
      info: utf8Encode(grantType),
      aad: utf8Encode(`${requestHash}:${leaseId}`),
    });
    return {
      kem: 0x0020,
      enc: base64Encode(encapsulatedSecret),
      ciphertext: base64Encode(ciphertext),
    };
  } catch {
    throw refused("HPKE key");
  }
}
