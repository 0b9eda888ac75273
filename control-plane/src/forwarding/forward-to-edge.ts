/**
 * Data-plane calls that arrive at this door, passed to an edge. Plaintext then passes the control plane, so a setting
 * refuses it (P1). The first edge that takes the connection serves the call; one that may have begun is not repeated.
 */

import { createHash, randomBytes } from "node:crypto";
import {
  ApiError,
  CONTROL_PLANE_FORWARDER,
  FORWARD_HEADER,
  type ForwardedCall,
  forwardedHeaders,
  responseContentType,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { Agent } from "undici";
import type { Clock } from "../clock.ts";
import type { RawRequest } from "../http/raw-request.ts";
import type { SigningKey } from "../signed-messages/key-file.ts";
import { encodeHeader, signMessage } from "../signed-messages/signed-messages.ts";

export interface EdgeForwarder {
  /** The edge's answer. @throws ApiError when there is none. */
  forward(call: CallToForward): Promise<Response>;
  close(): Promise<void>;
}

export interface CallToForward {
  readonly requestId: string;
  readonly request: RawRequest;
  readonly body: Uint8Array;
  readonly clientAddress: string;
}

const connectTimeoutMs = 3_000;
const answerTimeoutMs = 30_000;
const maxAnswerBytes = 1024 * 1024;

/** @param edgeUrls in order of preference; none: data-plane calls are refused. */
export function createEdgeForwarder(
  edgeUrls: readonly string[],
  key: SigningKey,
  clock: Clock,
): EdgeForwarder {
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    connections: 64,
  });
  return {
    async forward(call) {
      if (edgeUrls.length === 0) throw servedAtTheEdge();
      const headers = headersOf(call, key, clock());
      for (const url of edgeUrls) {
        const answer = await ask(agent, url, call, headers);
        if (answer !== null) return answer;
      }
      throw new ApiError("InternalError", { detail: "no edge can be reached" });
    },
    close: () => agent.close(),
  };
}

/** For doors that do not pass plaintext on. */
export function servedAtTheEdge(): ApiError {
  return new ApiError("UnsupportedOperation", {
    message: "This action is served at the edge. Please send it to the edge's address.",
  });
}

function headersOf(
  { request, requestId, body, clientAddress }: CallToForward,
  { privateKey }: SigningKey,
  nowMs: number,
): Record<string, string> {
  if (request.method !== "GET" && request.method !== "POST")
    throw new ApiError("UnsupportedProtocol");
  const headers: ForwardedCall["headers"] = {};
  for (const name of forwardedHeaders) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const payload: ForwardedCall = {
    forwarder: CONTROL_PLANE_FORWARDER,
    nonce: randomBytes(16).toString("hex"),
    timeMs: nowMs,
    hops: 1,
    requestId,
    method: request.method,
    target: request.target,
    host: request.headers.get("host") ?? "",
    headers,
    bodySha256: createHash("sha256").update(body).digest("hex"),
    clientAddress,
  };
  const message = signMessage(signedMessageTypes.forward, payload, privateKey);
  return { ...headers, [FORWARD_HEADER]: encodeHeader(message) };
}

/** The edge's answer; null when it cannot have received the call. */
async function ask(
  agent: Agent,
  url: string,
  { request, body }: CallToForward,
  headers: Record<string, string>,
): Promise<Response | null> {
  try {
    const answer = await agent.request({
      origin: new URL(url).origin,
      path: request.target,
      method: request.method === "GET" ? "GET" : "POST",
      headers,
      body: request.method === "GET" ? null : body,
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxAnswerBytes) throw new ApiError("ResponseSizeLimitExceeded");
      chunks.push(chunk);
    }
    if (answer.statusCode !== 200) {
      throw new ApiError("InternalError", { detail: `the edge answered ${answer.statusCode}` });
    }
    return new Response(Buffer.concat(chunks), {
      status: 200,
      headers: { "content-type": responseContentType },
    });
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    if (code === "ECONNREFUSED" || code === "UND_ERR_CONNECT_TIMEOUT") return null;
    throw new ApiError("InternalError", { detail: "the edge did not answer", cause: error });
  }
}
