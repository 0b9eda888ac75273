/**
 * Who sends a request to `/edge/v1`, or forwards a call: an enrolled edge that signed it a moment ago, once. The bridge
 * checks leases and credentials again, against its own list.
 */

import { MAX_REQUEST_AGE_MS, type SignedMessageType } from "@edge-kms/protocol";
import type * as v from "valibot";
import type { Clock } from "../clock.ts";
import { readMessage, type UnverifiedMessage } from "../signed-messages/signed-messages.ts";
import type { Edge, EdgeDirectory } from "./directory.ts";
import type { NonceMemory } from "./nonces.ts";

/** Why a message is refused. The edge is told no more than that it is. */
export type EdgeRefusal = "malformed" | "unknown-edge" | "bad-signature" | "too-old" | "replayed";

export type EdgeMessage<T> =
  | {
      readonly ok: true;
      readonly edge: Edge;
      readonly payload: T;
      readonly raw: UnverifiedMessage<T>["message"];
    }
  | { readonly ok: false; readonly reason: EdgeRefusal };

export interface EdgeAuthentication {
  readonly directory: EdgeDirectory;
  readonly nonces: NonceMemory;
  readonly clock: Clock;
}

/** What the payload of every message of an edge says of its origin. */
interface Origin {
  readonly nonce: string;
  readonly timeMs: number;
}

/**
 * @param input parsed JSON of the signed message.
 * @param nameOf finds the name of the edge that the payload claims.
 */
export async function authenticateEdge<S extends v.GenericSchema<unknown, Origin>>(
  { directory, nonces, clock }: EdgeAuthentication,
  input: unknown,
  type: SignedMessageType,
  schema: S,
  nameOf: (payload: v.InferOutput<S>) => string,
): Promise<EdgeMessage<v.InferOutput<S>>> {
  const read = readMessage(input, type, schema);
  if (read === null) return { ok: false, reason: "malformed" };
  const payload = read.claimed;
  const name = nameOf(payload);
  const edge = await directory.find(name);
  if (edge === null) return { ok: false, reason: "unknown-edge" };
  if (!read.isSignedBy(edge.publicKey)) return { ok: false, reason: "bad-signature" };
  if (Math.abs(clock() - payload.timeMs) > MAX_REQUEST_AGE_MS)
    return { ok: false, reason: "too-old" };
  if (!nonces.isFresh(`${type}:${name}`, payload.nonce)) return { ok: false, reason: "replayed" };
  return { ok: true, edge, payload, raw: read.message };
}
