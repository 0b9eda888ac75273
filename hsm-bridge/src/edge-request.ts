/**
 * Is this request from an enrolled edge, now, for the first time? The control plane has passed it on unchanged and is not
 * believed: everything is checked against the bridge's own enrolment list and clock (protocol.md "A branch-key lease" 4).
 */

import { createHash } from "node:crypto";
import {
  base64Decode,
  type CredentialRequest,
  credentialRequest,
  type LeaseRequest,
  leaseRequest,
  MAX_REQUEST_AGE_MS,
  type OperationRequest,
  operationRequest,
  preAuthenticationEncoding,
  type SignedMessage,
  signedMessageTypes,
  utf8DecodeStrict,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Bridge } from "./bridge.ts";
import { importPublicKey, verifyBytes } from "./ed25519.ts";
import { BridgeError } from "./errors.ts";
import { type EdgeRow, findEdge } from "./registry/edges.ts";
import { isFrozen } from "./registry/freezes.ts";
import { isNonceKnown, rememberNonce } from "./registry/nonces.ts";

const kinds = {
  lease: { type: signedMessageTypes.leaseRequest, schema: leaseRequest },
  operation: { type: signedMessageTypes.operationRequest, schema: operationRequest },
  credential: { type: signedMessageTypes.credentialRequest, schema: credentialRequest },
} as const;

interface Payloads {
  lease: LeaseRequest;
  operation: OperationRequest;
  credential: CredentialRequest;
}

export interface EdgeRequest<T> {
  readonly edge: EdgeRow;
  readonly payload: T;
  /** SHA-256 of the payload bytes, lower-case hexadecimal: what the grant answers. */
  readonly requestHash: string;
  /** Raw X25519 key that the answer is sealed to, 32 bytes. */
  readonly hpkePublicKey: Uint8Array<ArrayBuffer>;
  /** Writes the nonce down. Only inside the commit that makes the answer durable. */
  remember(): void;
  /** Lets go of the nonce's place among the requests under way. Call on every way out. */
  release(): void;
}

/** Throws `edge-refused` or `frozen`; why exactly is in `detail`, for the bridge's own output. */
export function admitEdgeRequest<K extends keyof Payloads>(
  bridge: Bridge,
  kind: K,
  message: SignedMessage,
): EdgeRequest<Payloads[K]> {
  const { type, schema } = kinds[kind];
  if (message.type !== type) throw refused("another kind of message");
  const bytes = base64Decode(message.payload);
  const signature = base64Decode(message.signature);
  if (bytes === null || signature === null) throw refused("not canonical base64");
  const payload = parseJson(schema, bytes) as Payloads[K] | null;
  if (payload === null) throw refused("not of the form");

  const edge = findEdge(bridge.database, payload.edge);
  const publicKey = edge === null ? null : importPublicKey(edge.publicKey);
  if (edge === null || publicKey === null) throw refused("not enrolled");
  if (!verifyBytes(publicKey, preAuthenticationEncoding(type, bytes), signature)) {
    throw refused("signature");
  }
  const nowMs = bridge.clock();
  if (Math.abs(nowMs - payload.timeMs) > MAX_REQUEST_AGE_MS) throw refused("age");
  if (payload.timeMs < bridge.startedAtMs) throw refused("older than the bridge's start");
  const hpkePublicKey = base64Decode(payload.hpkePublicKey);
  if (hpkePublicKey === null || hpkePublicKey.length !== 32) throw refused("HPKE key");
  if (isFrozen(bridge.database, "edge", edge.edge)) throw frozen("edge");

  const place = `${edge.edge} ${payload.nonce}`;
  if (bridge.noncesUnderWay.has(place) || isNonceKnown(bridge.database, edge.edge, payload.nonce)) {
    throw refused("replay");
  }
  bridge.noncesUnderWay.add(place);
  return {
    edge,
    payload,
    requestHash: createHash("sha256").update(bytes).digest("hex"),
    hpkePublicKey,
    remember: () => {
      // Valid until its own date plus the permitted age; one more span for clocks set back meanwhile.
      const expiresAtMs = payload.timeMs + 2 * MAX_REQUEST_AGE_MS;
      rememberNonce(bridge.database, edge.edge, payload.nonce, expiresAtMs, nowMs);
    },
    release: () => bridge.noncesUnderWay.delete(place),
  };
}

/** The value that strict UTF-8 JSON has, held against a schema; null for anything else. */
export function parseJson<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
): v.InferOutput<S> | null {
  const text = utf8DecodeStrict(bytes);
  if (text === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const result = v.safeParse(schema, json);
  return result.success ? result.output : null;
}

export function refused(detail: string): BridgeError {
  return new BridgeError("edge-refused", "The edge's request is refused.", { detail });
}

export function frozen(what: "edge" | "key" | "account"): BridgeError {
  return new BridgeError("frozen", `The ${what} is frozen.`);
}
