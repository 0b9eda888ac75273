/**
 * A request exactly as it arrived. Callers sign the query and the Host header as they sent them, and tccli sends a Host
 * that no URL parser accepts (`http://127.0.0.1:8788`), so nothing here goes through a URL object.
 */

import type { IncomingMessage } from "node:http";
import { ApiError, type HeaderReader, headersOf } from "@edge-kms/protocol";

export interface RawRequest {
  readonly method: string;
  /** Path and query exactly as on the request line. */
  readonly target: string;
  readonly path: string;
  /** The query without its `?`. */
  readonly query: string;
  readonly headers: HeaderReader;
  /** Address of the socket's other end. */
  readonly remoteAddress: string;
  /** The body; null when it is larger than `limit`. Read once. @throws ApiError RequestLimitExceeded when there is no room. */
  readBody(limit: number): Promise<Buffer | null>;
}

const hosts = new WeakMap<IncomingMessage, string | undefined>();

/** Beyond that a connection is cut instead of reading its body to the end. */
const drainLimitBytes = 64 * 1024 * 1024;

/**
 * Keeps the Host header aside and puts a plain one in its place, for the framework that builds a URL from it. To be
 * called before the framework sees the request.
 */
export function keepHostAside(incoming: IncomingMessage): void {
  hosts.set(incoming, incoming.headers.host);
  incoming.headers.host = "control-plane";
}

/** The parts of a request that {@link keepHostAside} has seen. */
export function rawRequestOf(incoming: IncomingMessage): RawRequest {
  const target = incoming.url ?? "";
  const mark = target.indexOf("?");
  const headers: Record<string, string | readonly string[] | undefined> = { ...incoming.headers };
  if (hosts.has(incoming)) headers.host = hosts.get(incoming);
  return {
    method: incoming.method ?? "",
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark + 1),
    headers: headersOf(headers),
    remoteAddress: incoming.socket.remoteAddress ?? "",
    readBody: (limit) => readBody(incoming, limit),
  };
}

/** Of each body so much is taken whatever else is under way: more than any call of this door needs. */
const alwaysTakenBytes = 64 * 1024;
/** And of all bodies that are being read, so much beyond that: nobody has to be known in order to send ten megabytes. */
const roomBytes = 256 * 1024 * 1024;
let heldBytes = 0;

/**
 * Reads on past the limit without keeping anything: a client that is still sending would never see the answer. One that
 * will not end is cut off.
 */
async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  let held = 0;
  let hasRoom = true;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      length += chunk.length;
      const more = Math.max(0, length - alwaysTakenBytes) - held;
      hasRoom &&= length > limit || heldBytes + more <= roomBytes;
      const isKept = hasRoom && length <= limit;
      if (isKept) chunks.push(chunk);
      else chunks.length = 0;
      const change = isKept ? more : -held;
      heldBytes += change;
      held += change;
      if (length > drainLimitBytes) return null;
    }
  } finally {
    heldBytes -= held;
  }
  if (length > limit) return null;
  if (!hasRoom) throw new ApiError("RequestLimitExceeded", { detail: "no room for the body" });
  return Buffer.concat(chunks, length);
}
