/** The import token: what the bridge signed when it made the pair. Base64 of a signed message, opaque to everyone else. */

import {
  base64Decode,
  base64Encode,
  type ImportTokenContent,
  importTokenContent,
  preAuthenticationEncoding,
  type SignedMessage,
  signedMessageSchema,
  signedMessageTypes,
  utf8DecodeStrict,
  utf8Encode,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Bridge } from "../bridge.ts";
import { importPublicKey, verifyBytes } from "../ed25519.ts";

export function encodeToken(bridge: Bridge, payload: ImportTokenContent): string {
  const message = bridge.identity.sign(signedMessageTypes.importToken, payload);
  return base64Encode(utf8Encode(JSON.stringify(message)));
}

/** Null for anything that this bridge has not signed as an import token. */
export function decodeToken(bridge: Bridge, token: string): ImportTokenContent | null {
  const message = parse(token);
  const { importToken: type } = signedMessageTypes;
  const key = importPublicKey(bridge.identity.publicKey);
  if (message === null || message.type !== type || key === null) return null;
  const payload = base64Decode(message.payload);
  const signature = base64Decode(message.signature);
  if (payload === null || signature === null) return null;
  if (!verifyBytes(key, preAuthenticationEncoding(type, payload), signature)) return null;
  const parsed = v.safeParse(importTokenContent, parseJson(payload));
  return parsed.success ? parsed.output : null;
}

function parse(token: string): SignedMessage | null {
  const bytes = base64Decode(token);
  const parsed = v.safeParse(signedMessageSchema, bytes === null ? null : parseJson(bytes));
  return parsed.success ? parsed.output : null;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8DecodeStrict(bytes) ?? "");
  } catch {
    return null;
  }
}
