/**
 * What edge endpoints answer. With status 200 a body in the endpoint's schema; a request that is refused as a whole gets
 * `{"error": {code, message?}}` with:
 *
 *     400 malformed    403 edge-refused    409 audit-gap, audit-conflict, sealing-key-changed    503 unavailable
 */

import type { WireError } from "@edge-kms/protocol";
import type { EdgeRefusal } from "./authenticate.ts";

export type EdgeAnswer =
  | { readonly status: 200; readonly body: object }
  | { readonly status: 400 | 403 | 409 | 503; readonly error: WireError; readonly reason?: string };

/** The edge learns that it is refused; why is for our log. */
export function refusedEdge(reason: EdgeRefusal | "frozen"): EdgeAnswer {
  if (reason === "malformed") return { status: 400, error: { code: "malformed" }, reason };
  return { status: 403, error: { code: "edge-refused" }, reason };
}

/** Nothing is wrong with the request: it may be sent again, with a fresh nonce. */
export function unavailable(reason: string): EdgeAnswer {
  return { status: 503, error: { code: "unavailable" }, reason };
}
