/**
 * A request exactly as it arrived. Callers sign the query and the Host header as they sent them, and tccli sends a Host
 * that no URL parser accepts (`http://127.0.0.1:8788`), so nothing here goes through a URL object.
 */

import type { IncomingMessage } from "node:http";
import { type HeaderReader, headersOf } from "@edge-kms/protocol";

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
  /** The body; null when it is larger than `limit`. Read once. */
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

/**
 * Reads on past the limit without keeping anything: a client that is still sending would never see the answer. One that
 * will not end is cut off.
 */
async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else chunks.length = 0;
    if (length > drainLimitBytes) return null;
  }
  return length > limit ? null : Buffer.concat(chunks, length);
}
