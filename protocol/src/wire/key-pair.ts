/** Asymmetric CMKs between the parts: what the bridge says of a public key, and which usages there are. */

import * as v from "valibot";
import { keyUsages } from "../actions/fields.ts";
import { accountId, base64Text, keyId, keyVersion, region } from "./fields.ts";

export const asymmetricKeyUsages = keyUsages.filter((usage) => usage !== "ENCRYPT_DECRYPT");
export type AsymmetricKeyUsage = (typeof asymmetricKeyUsages)[number];

export const asymmetricKeyUsage = v.picklist(asymmetricKeyUsages);

/**
 * Payload of `edge-kms/public-key/1`, signed by the bridge when it makes the pair: whoever carries it, the control plane among them,
 * cannot put another public key in its place.
 */
export const publicKeyStatement = v.strictObject({
  account: accountId,
  region,
  keyId,
  version: keyVersion,
  usage: asymmetricKeyUsage,
  /** SubjectPublicKeyInfo (RFC 5280 §4.1) in DER, base64. */
  publicKey: base64Text(1024),
});
export type PublicKeyStatement = v.InferOutput<typeof publicKeyStatement>;
