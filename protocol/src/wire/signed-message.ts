/**
 * Messages that one part signs and another verifies, possibly after a third has carried them.
 *
 * What is signed is the bytes that travel, never a re-serialisation: `payload` is the base64 of a UTF-8 JSON text, and
 * the signature covers the pre-authentication encoding of DSSE v1 (secure-systems-lab/dsse, protocol.md):
 *
 *     "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload        LEN = decimal length in bytes
 *
 * `type` names the kind and version of message, so a signature over one kind never passes for another. Signatures are
 * Ed25519 (RFC 8032); signing and verifying belong to the platforms, this file has only the bytes.
 */

import * as v from "valibot";
import { utf8Encode } from "../bytes.ts";

/** The kinds of signed messages. The trailing number is the format version. */
export const signedMessageTypes = {
  leaseRequest: "edge-kms/lease-request/1",
  leaseGrant: "edge-kms/lease-grant/1",
  operationRequest: "edge-kms/operation-request/1",
  operationResult: "edge-kms/operation-result/1",
  credentialRequest: "edge-kms/credential-request/1",
  credentialGrant: "edge-kms/credential-grant/1",
  sealingKeyRequest: "edge-kms/sealing-key-request/1",
  bridgeSealingKey: "edge-kms/bridge-sealing-key/1",
  auditDelivery: "edge-kms/audit-delivery/1",
  dataKeyStore: "edge-kms/data-key-store/1",
  dataKeyRead: "edge-kms/data-key-read/1",
  auditSettled: "edge-kms/audit-settled/1",
  publicKey: "edge-kms/public-key/1",
  publicKeyRead: "edge-kms/public-key-read/1",
  importToken: "edge-kms/import-token/1",
  connect: "edge-kms/connect/1",
  forward: "edge-kms/forward/1",
} as const;

export type SignedMessageType = (typeof signedMessageTypes)[keyof typeof signedMessageTypes];

/** `{ type, payload: base64(JSON), signature: base64(Ed25519, 64 bytes) }`. */
export const signedMessageSchema = v.strictObject({
  type: v.picklist(Object.values(signedMessageTypes)),
  payload: v.pipe(v.string(), v.maxLength(8 * 1024 * 1024)),
  signature: v.pipe(v.string(), v.length(88)),
});

export type SignedMessage = v.InferOutput<typeof signedMessageSchema>;

/** The bytes that are signed for a message of `type` with these payload bytes (DSSE v1 PAE). */
export function preAuthenticationEncoding(
  type: SignedMessageType,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const head = utf8Encode(`DSSEv1 ${type.length} ${type} ${payload.length} `);
  const out = new Uint8Array(head.length + payload.length);
  out.set(head);
  out.set(payload, head.length);
  return out;
}
