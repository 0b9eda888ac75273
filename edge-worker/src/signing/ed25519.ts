/** The edge's Ed25519 keys (RFC 8032) in the platform's hands, and signed messages made and read with them. */

import {
  base64Decode,
  base64Encode,
  preAuthenticationEncoding,
  type SignedMessage,
  type SignedMessageType,
  signedMessageSchema,
  utf8DecodeStrict,
  utf8Encode,
} from "@edge-kms/protocol";
import * as v from "valibot";

const algorithm = { name: "Ed25519" };

/** A private key that cannot be exported again. `pkcs8` is read, not kept. */
export function importSigningKey(pkcs8: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
}

/** A public key of raw 32 bytes. */
export function importVerifyingKey(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, algorithm, false, ["verify"]);
}

export interface SignedPayload {
  readonly message: SignedMessage;
  /** The bytes that were signed, for who compares their hash. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

export async function signMessage(
  type: SignedMessageType,
  content: object,
  key: CryptoKey,
): Promise<SignedPayload> {
  const payload = utf8Encode(JSON.stringify(content));
  const encoded = preAuthenticationEncoding(type, payload);
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm, key, encoded));
  return {
    message: { type, payload: base64Encode(payload), signature: base64Encode(signature) },
    payload,
  };
}

/**
 * The payload of a signed message of one type and shape; null when it is no such message or `key` did not sign it. The
 * payload is parsed only after the signature held.
 */
export async function openMessage<S extends v.GenericSchema>(
  input: unknown,
  type: SignedMessageType,
  schema: S,
  key: CryptoKey,
): Promise<v.InferOutput<S> | null> {
  const message = v.safeParse(signedMessageSchema, input);
  if (!message.success || message.output.type !== type) return null;
  const payload = base64Decode(message.output.payload);
  const signature = base64Decode(message.output.signature);
  if (payload === null || signature?.length !== 64) return null;
  const encoded = preAuthenticationEncoding(type, payload);
  if (!(await crypto.subtle.verify(algorithm, key, signature, encoded))) return null;
  const text = utf8DecodeStrict(payload);
  const parsed = v.safeParse(schema, text === null ? undefined : parseJson(text));
  return parsed.success ? parsed.output : null;
}

/** The form in which a signed message travels in a header: base64 of its JSON. */
export function encodeMessageHeader(message: SignedMessage): string {
  return base64Encode(utf8Encode(JSON.stringify(message)));
}

/** The JSON value in such a header; undefined when there is none. */
export function decodeMessageHeader(value: string): unknown {
  const bytes = base64Decode(value);
  const text = bytes === null ? null : utf8DecodeStrict(bytes);
  return text === null ? undefined : parseJson(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
