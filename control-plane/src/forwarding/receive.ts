/** Calls that an edge received and passed on (design §4 "Forwarding"). */

import { createHash } from "node:crypto";
import {
  ApiError,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedCall,
  forwardedHeaders,
  type HeaderReader,
  isUuid,
  type RequestParts,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import type { RawRequest } from "../http/raw-request.ts";
import { decodeHeader } from "../signed-messages/signed-messages.ts";

export interface ReceivedCall {
  readonly edge: Edge;
  /** The edge's own id of the request, so that both doors name it alike; null when it is no UUID. */
  readonly requestId: string | null;
  /** The caller's address as the edge vouches for it. */
  readonly clientAddress: string;
  /** The request as the edge received it. */
  readonly parts: RequestParts;
}

/** Whether a request claims to be forwarded. Such a request is served here or refused, and never forwarded again. */
export function isForwarded(request: RawRequest): boolean {
  return request.headers.get(FORWARD_HEADER) !== null;
}

/**
 * The call inside a forwarded request. A client has no business with the header, so one that does not verify is refused
 * and not ignored: the request would otherwise be taken for a direct one.
 *
 * @throws ApiError `InvalidRequest`.
 */
export async function receiveForwarded(
  services: EdgeAuthentication,
  request: RawRequest,
  body: Uint8Array,
): Promise<ReceivedCall> {
  const input = decodeHeader(request.headers.get(FORWARD_HEADER) ?? "");
  const { forward } = signedMessageTypes;
  const message = await authenticateEdge(
    services,
    input,
    forward,
    forwardedCall,
    (c) => c.forwarder,
  );
  if (!message.ok) throw refused(message.reason);
  const { edge, payload } = message;
  if (edge.isFrozen) throw refused("frozen");
  const difference = differs(payload, request, body);
  if (difference !== null) throw refused(difference);
  const headers = new Map<string, string>(Object.entries(payload.headers));
  headers.set("host", payload.host);
  const reader: HeaderReader = { get: (name) => headers.get(name.toLowerCase()) ?? null };
  return {
    edge,
    requestId: isUuid(payload.requestId) ? payload.requestId : null,
    clientAddress: payload.clientAddress,
    parts: { method: payload.method, query: request.query, body, headers: reader },
  };
}

/** What does not arrive as the edge signed it, null when all does. */
function differs(call: ForwardedCall, request: RawRequest, body: Uint8Array): string | null {
  if (call.method !== request.method) return "method";
  if (call.target !== request.target) return "target";
  if (call.bodySha256 !== createHash("sha256").update(body).digest("hex")) return "body";
  for (const name of forwardedHeaders) {
    if ((call.headers[name] ?? null) !== request.headers.get(name)) return `header ${name}`;
  }
  return null;
}

const refused = (detail: string): ApiError =>
  new ApiError("InvalidRequest", {
    message: "The request was not forwarded by a known edge.",
    detail: `forwarded: ${detail}`,
  });
