/** What the bridge signs of a pair for imports (`edge-kms/import-token/1`). */

import * as v from "valibot";

/** The token is base64 of the signed message's JSON. */
export const importTokenContent = v.strictObject({
  importId: v.string(),
  account: v.string(),
  region: v.string(),
  keyId: v.string(),
  algorithm: v.string(),
  /** Lower-case hexadecimal SHA-256 of the public key, as SubjectPublicKeyInfo in DER. */
  publicKeyHash: v.string(),
  expiresAtMs: v.number(),
});
export type ImportTokenContent = v.InferOutput<typeof importTokenContent>;
