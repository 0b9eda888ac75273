/** Ed25519 keys and signed messages on Node's side of the wire. */

import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
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

export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Raw 32 bytes, base64. */
  readonly publicKeyB64: string;
  /** PKCS#8, base64. */
  readonly privateKeyB64: string;
}

export function makeSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey,
    publicKey,
    publicKeyB64: rawPublicKey(publicKey),
    privateKeyB64: privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
  };
}

function rawPublicKey(key: KeyObject): string {
  const { x } = createPublicKey(key.export({ type: "spki", format: "pem" })).export({
    format: "jwk",
  });
  return Buffer.from(x ?? "", "base64url").toString("base64");
}

export function signMessage(
  type: SignedMessageType,
  content: object,
  signer: Signer,
): SignedMessage {
  const payload = utf8Encode(JSON.stringify(content));
  const signature = sign(null, preAuthenticationEncoding(type, payload), signer.privateKey);
  return { type, payload: base64Encode(payload), signature: base64Encode(signature) };
}

/** The payload and its bytes. @throws Error when anything about the message is wrong: the worker must not send such. */
export function openMessage<S extends v.GenericSchema>(
  input: unknown,
  type: SignedMessageType,
  schema: S,
  publicKey: KeyObject,
): { readonly content: v.InferOutput<S>; readonly payload: Uint8Array } {
  const message = v.parse(signedMessageSchema, input);
  if (message.type !== type) throw new Error(`a message of type ${message.type}`);
  const payload = base64Decode(message.payload);
  const signature = base64Decode(message.signature);
  if (payload === null || signature === null) throw new Error("no base64");
  if (!verify(null, preAuthenticationEncoding(type, payload), publicKey, signature)) {
    throw new Error("the signature does not hold");
  }
  return { content: v.parse(schema, JSON.parse(utf8DecodeStrict(payload) ?? "")), payload };
}
