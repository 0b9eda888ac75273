/** A request as it arrived at this door, or as the control plane passed it on. */

import { type HeaderReader, isUuid, type RequestParts } from "@edge-kms/protocol";
import type { Bindings } from "../bindings.ts";

export interface Arrival extends RequestParts {
  readonly requestId: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Path and query as received. */
  readonly target: string;
  /** The request itself, its body read. */
  readonly request: Request;
  /** The caller's address as someone vouches for it; empty when nobody does. */
  readonly clientAddress: string;
  /** Passed on by the control plane: served here or refused, never passed on again. */
  readonly isForwarded: boolean;
}

/** Path and query of a request exactly as on its request line; `URL` would rewrite them. */
export function targetOf(request: Request): string {
  const { url } = request;
  const start = url.indexOf("/", url.indexOf("//") + 2);
  return start < 0 ? "/" : url.slice(start);
}

export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: "" }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

export function arrivalOf(
  request: Request,
  target: string,
  body: Uint8Array<ArrayBuffer>,
  bindings: Bindings,
): Arrival {
  return {
    requestId: crypto.randomUUID(),
    method: request.method,
    headers: request.headers,
    query: splitTarget(target).query,
    body,
    target,
    request,
    clientAddress: addressOf(request.headers, bindings.clientAddressHeader),
    isForwarded: false,
  };
}

const addressText = /^[0-9a-fA-F.:]{2,45}$/;

function addressOf(headers: HeaderReader, header: string | null): string {
  const value = header === null ? null : headers.get(header);
  return value !== null && addressText.test(value) ? value : "";
}

/** The request id of a forwarded call, when it is one. */
export function requestIdOr(id: string): string {
  return isUuid(id) ? id : crypto.randomUUID();
}
