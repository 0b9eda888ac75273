/** A call that the control plane passed on: its word on what the caller sent is verified and compared with what arrived. */

import {
  ApiError,
  CONTROL_PLANE_FORWARDER,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedCall,
  forwardedHeaders,
  type HeaderReader,
  headersOf,
  hexEncode,
  MAX_FORWARD_AGE_MS,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { type Arrival, requestIdOr, splitTarget } from "../http/arrival.ts";
import type { Isolate } from "../isolate/isolate.ts";
import { decodeMessageHeader, openMessage } from "../signing/ed25519.ts";

/**
 * The call as the caller sent it to the control plane. @throws ApiError InvalidRequest when the header is not the control
 * plane's, too old, or about another request: a client that sends this header itself gets no further.
 */
export async function receive(
  arrived: Arrival,
  header: string,
  isolate: Isolate,
): Promise<Arrival> {
  const call = await openMessage(
    decodeMessageHeader(header),
    signedMessageTypes.forward,
    forwardedCall,
    await isolate.controlPlaneKey(),
  );
  if (call === null || !isAbout(call, arrived, isolate)) {
    throw new ApiError("InvalidRequest", {
      message: `The header ${FORWARD_HEADER} is not for clients.`,
      detail: "forward-header",
    });
  }
  return {
    requestId: requestIdOr(call.requestId),
    method: call.method,
    // Only what the forwarder vouches for, with the Host that the caller signed.
    headers: headersOf({ ...call.headers, host: call.host }),
    query: splitTarget(call.target).query,
    body: arrived.body,
    target: call.target,
    request: arrived.request,
    clientAddress: call.clientAddress,
    isForwarded: true,
  };
}

function isAbout(call: ForwardedCall, arrived: Arrival, { core }: Isolate): boolean {
  return (
    call.forwarder === CONTROL_PLANE_FORWARDER &&
    Math.abs(Date.now() - call.timeMs) <= MAX_FORWARD_AGE_MS &&
    call.method === arrived.method &&
    call.target === arrived.target &&
    call.bodySha256 === hexEncode(core.sha256(arrived.body)) &&
    areSameHeaders(call.headers, arrived.headers)
  );
}

/** What arrived under these names is what was signed, neither more nor less. */
function areSameHeaders(signed: ForwardedCall["headers"], arrived: HeaderReader): boolean {
  const values: Readonly<Record<string, string | undefined>> = signed;
  return forwardedHeaders.every((name) => (values[name] ?? null) === arrived.get(name));
}
