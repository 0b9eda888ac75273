/**
 * Keeping a data key: sealed here under its CMK, without EncryptionContext since reading it back names none, and handed to the control
 * plane as an envelope.
 */

import { ApiError, noEncryptionContext } from "@edge-kms/protocol";
import type { ActionCall } from "./call.ts";
import { seal } from "./ciphertext.ts";

interface DataKeyToHost {
  readonly keyId: string;
  readonly name: string;
  readonly description: string;
  readonly material: "TENCENT_KMS" | "EXTERNAL";
  readonly tags: readonly { readonly TagKey: string; readonly TagValue: string }[] | undefined;
  /** The data key, 1 to 1024 bytes; read, not kept. */
  readonly plaintext: Uint8Array;
}

export interface HostedDataKey {
  readonly DataKeyId: string;
  readonly TagCode: number;
  readonly TagMsg: string;
}

/** @throws ApiError with the code that the control plane gave. */
export async function hostDataKey(
  call: ActionCall,
  dataKey: DataKeyToHost,
): Promise<HostedDataKey> {
  const { keyId, plaintext, name, description, material } = dataKey;
  const tags = (dataKey.tags ?? []).map(({ TagKey, TagValue }) => ({
    key: TagKey,
    value: TagValue,
  }));
  const blob = await seal(call, keyId, plaintext, noEncryptionContext);
  const stored = await call.dataKeys.storeDataKey({
    requestId: call.requestId,
    account: call.account,
    region: call.region.name,
    uin: call.uin,
    keyId,
    name,
    description,
    numberOfBytes: plaintext.length,
    material,
    tags,
    blob,
  });
  if (!stored.ok) throw new ApiError(stored.code, { detail: stored.reason });
  return {
    DataKeyId: stored.value,
    TagCode: 0,
    TagMsg: tags.length === 0 ? "no tags to save" : "ok",
  };
}
