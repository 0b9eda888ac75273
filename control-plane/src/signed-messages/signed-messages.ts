/** Making and opening signed messages (protocol/src/wire/signed-message.ts has the bytes that are signed). */

import { type KeyObject, sign, verify } from "node:crypto";
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

/** A message that was read and not yet believed. */
export interface UnverifiedMessage<T> {
  readonly message: SignedMessage;
  /** What the payload claims. Only to find the key that must have signed it. */
  readonly claimed: T;
  /** Whether that key signed it. */
  isSignedBy(publicKey: KeyObject): boolean;
}

/** Signs a payload. */
export function signMessage(
  type: SignedMessageType,
  payload: object,
  privateKey: KeyObject,
): SignedMessage {
  const bytes = utf8Encode(JSON.stringify(payload));
  const signature = sign(null, preAuthenticationEncoding(type, bytes), privateKey);
  return { type, payload: base64Encode(bytes), signature: base64Encode(signature) };
}

/**
 * Reads a signed message of one type with a payload of one shape; null for anything else.
 *
 * @param input parsed JSON.
 */
export function readMessage<S extends v.GenericSchema>(
  input: unknown,
  type: SignedMessageType,
  payload: S,
): UnverifiedMessage<v.InferOutput<S>> | null {
  const message = v.safeParse(signedMessageSchema, input);
  if (!message.success || message.output.type !== type) return null;
  const bytes = base64Decode(message.output.payload);
  const signature = base64Decode(message.output.signature);
  const text = bytes === null ? null : utf8DecodeStrict(bytes);
  if (bytes === null || text === null || signature?.length !== 64) return null;
  const claimed = v.safeParse(payload, parseJson(text));
  if (!claimed.success) return null;
  return {
    message: message.output,
    claimed: claimed.output,
    isSignedBy: (publicKey) =>
      verify(null, preAuthenticationEncoding(type, bytes), publicKey, signature),
  };
}

/** Reads the base64 of a signed message's JSON, as headers carry it; undefined when it is none. */
export function decodeHeader(value: string): unknown {
  const bytes = base64Decode(value);
  const text = bytes === null ? null : utf8DecodeStrict(bytes);
  return text === null ? undefined : parseJson(text);
}

/** The form for a header. */
export function encodeHeader(message: SignedMessage): string {
  return base64Encode(utf8Encode(JSON.stringify(message)));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
