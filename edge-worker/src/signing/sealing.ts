/**
 * Secrets sealed to one incarnation of the instance, and by it to one isolate: HPKE base mode (RFC 9180 §6.1),
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Private keys are made here, in memory, and cannot be exported.
 */

import { utf8Encode } from "@edge-kms/protocol";
import {
  AEAD_AES_256_GCM,
  CipherSuite,
  type CryptoKey as HpkeKey,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type KeyPair,
} from "hpke";

const suite: CipherSuite<HpkeKey> = new CipherSuite(
  KEM_DHKEM_X25519_HKDF_SHA256,
  KDF_HKDF_SHA256,
  AEAD_AES_256_GCM,
);

/** An X25519 key pair of this process. */
export interface SealingKey {
  readonly pair: KeyPair<HpkeKey>;
  /** 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** `enc || ciphertext` of RFC 9180 §5, apart. */
export interface Sealed {
  readonly enc: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** `info` of what an instance seals to an isolate; the associated data is the id of the lease. */
export const isolateSealInfo = "edge-kms/isolate-seal/1";

export async function makeSealingKey(): Promise<SealingKey> {
  const pair = await suite.GenerateKeyPair(false);
  return { pair, publicKey: new Uint8Array(await suite.SerializePublicKey(pair.publicKey)) };
}

/** Seals a secret, which stays the caller's to wipe. */
export async function seal(
  publicKey: Uint8Array,
  secret: Uint8Array,
  info: string,
  aad: string,
): Promise<Sealed> {
  const recipient = await suite.DeserializePublicKey(publicKey);
  const sealed = await suite.Seal(recipient, secret, {
    info: utf8Encode(info),
    aad: utf8Encode(aad),
  });
  return { enc: sealed.encapsulatedSecret, ciphertext: sealed.ciphertext };
}

/** The secret, the caller's to wipe; null when it does not open. */
export async function open(
  key: SealingKey,
  sealed: Sealed,
  info: string,
  aad: string,
): Promise<Uint8Array | null> {
  try {
    return await suite.Open(key.pair, sealed.enc, sealed.ciphertext, {
      info: utf8Encode(info),
      aad: utf8Encode(aad),
    });
  } catch {
    return null;
  }
}
