/** Passing a call on to the control plane (design §4 "Forwarding"), signed by this edge, and the body of its answer back. */

import {
  ApiError,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedHeaders,
  hexEncode,
  responseContentType,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Arrival } from "../http/arrival.ts";
import { readAtMost } from "../http/read-at-most.ts";
import type { Isolate } from "../isolate/isolate.ts";
import { encodeMessageHeader, signMessage } from "../signing/ed25519.ts";

/** As long as the control plane waits in the other direction; official SDKs give up after 60 s. */
const DEADLINE_MS = 30_000;
/** Longest answer that is passed back, as in the other direction. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The body of the control plane's answer.
 *
 * @throws ApiError InternalError when the control plane does not answer, when something on the way answers in its stead, or
 *   a guard against loops holds.
 */
export async function forward(
  arrival: Arrival,
  isolate: Isolate,
): Promise<Uint8Array<ArrayBuffer>> {
  if (arrival.isForwarded) {
    throw new ApiError("InternalError", { detail: "forwarded-twice" });
  }
  const { bindings, core } = isolate;
  const { method } = arrival;
  if (method !== "GET" && method !== "POST") throw new ApiError("UnsupportedProtocol");
  const headers: Partial<Record<(typeof forwardedHeaders)[number], string>> = {};
  for (const name of forwardedHeaders) {
    const value = arrival.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const call: ForwardedCall = {
    forwarder: bindings.edgeId,
    nonce: hexEncode(crypto.getRandomValues(new Uint8Array(16))),
    timeMs: Date.now(),
    hops: 1,
    requestId: arrival.requestId,
    method,
    target: arrival.target,
    host: arrival.headers.get("host") ?? "",
    headers: headers as ForwardedCall["headers"],
    bodySha256: hexEncode(core.sha256(arrival.body)),
    clientAddress: arrival.clientAddress,
  };
  const key = await isolate.forwardingKey();
  const { message } = await signMessage(signedMessageTypes.forward, call, key);
  const sent = new Headers(headers);
  sent.set(FORWARD_HEADER, encodeMessageHeader(message));
  let response: Response;
  try {
    response = await bindings.fetchControlPlane(destination(arrival, isolate), {
      method,
      headers: sent,
      body: method === "POST" ? arrival.body : null,
      redirect: "manual",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch (cause) {
    throw new ApiError("InternalError", { detail: "control-plane-unreachable", cause });
  }
  return answerOf(response);
}

/**
 * The control plane speaks HTTP 200 and JSON, errors too. Anything else (431, 502, a page of a proxy) is not an answer of
 * the API, and SDKs could not read it.
 */
async function answerOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const { status, body } = response;
  const contentType = response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (status !== 200 || contentType !== responseContentType || body === null) {
    // Nobody waits for the rest of it.
    await body?.cancel().catch(() => undefined);
    throw new ApiError("InternalError", { detail: `control-plane-answered-${status}` });
  }
  try {
    return await readAtMost(body, MAX_ANSWER_BYTES);
  } catch (cause) {
    if (cause instanceof RangeError) throw new ApiError("ResponseSizeLimitExceeded", { cause });
    throw new ApiError("InternalError", { detail: "control-plane-broke-off", cause });
  }
}

/**
 * Where to send it. A URL made from text is normalised on the way (`'` becomes `%27`), and then the target is not the one that
 * was signed; a received request keeps the spelling of its own. Without a service binding such a GET is refused by the
 * control plane; official SDKs send them only when told to use GET, for values with an apostrophe.
 */
function destination(arrival: Arrival, { bindings }: Isolate): string | Request {
  return bindings.isControlPlaneBound
    ? arrival.request
    : `${bindings.controlPlaneUrl}${arrival.target}`;
}
