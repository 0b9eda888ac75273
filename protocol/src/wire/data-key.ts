/**
 * Hosted data keys between edge and control plane. Their plaintext is made, imported and read at edges only; the control plane keeps
 * each one encrypted under its CMK, as an envelope without EncryptionContext that it cannot open.
 */

import * as v from "valibot";
import { accountId, base64Text, count, keyId, region, uin, wireError } from "./fields.ts";
import { requestOrigin } from "./lease.ts";

/** An envelope of 1024 bytes of plaintext has 1135 bytes, 1516 characters. */
const blob = base64Text(2048);

const tag = v.strictObject({
  key: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  value: v.pipe(v.string(), v.maxLength(1024)),
});

/** Payload of `edge-kms/data-key-store/1`, signed by the enrolled edge key: keep this data key for that caller. */
export const storeDataKeyRequest = v.strictObject({
  ...requestOrigin,
  /** Of the call that made or imported it. Sent again with the same one, the later blob stands in for the earlier. */
  requestId: v.pipe(v.string(), v.uuid()),
  account: accountId,
  region,
  uin,
  keyId,
  name: v.pipe(v.string(), v.maxLength(60)),
  description: v.pipe(v.string(), v.maxLength(100)),
  numberOfBytes: v.pipe(count, v.minValue(1), v.maxValue(1024)),
  material: v.picklist(["TENCENT_KMS", "EXTERNAL"]),
  tags: v.pipe(v.array(tag), v.maxLength(50)),
  blob,
});
export type StoreDataKeyRequest = v.InferOutput<typeof storeDataKeyRequest>;

/** `POST /edge/v1/data-keys/store`. Error codes are the contract's, fit for the caller. */
export const storeDataKeyResponse = v.union([
  v.strictObject({ dataKeyId: keyId }),
  v.strictObject({ error: wireError }),
]);
export type StoreDataKeyResponse = v.InferOutput<typeof storeDataKeyResponse>;

/** Payload of `edge-kms/data-key-read/1`: the blob of a data key that may be read now. */
export const readDataKeyRequest = v.strictObject({
  ...requestOrigin,
  account: accountId,
  region,
  dataKeyId: keyId,
});
export type ReadDataKeyRequest = v.InferOutput<typeof readDataKeyRequest>;

/** `POST /edge/v1/data-keys/read`. Whether the CMK may decrypt is the lease's to say. */
export const readDataKeyResponse = v.union([
  v.strictObject({ keyId, blob }),
  v.strictObject({ error: wireError }),
]);
export type ReadDataKeyResponse = v.InferOutput<typeof readDataKeyResponse>;
