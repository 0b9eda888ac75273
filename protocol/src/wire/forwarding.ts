/**
 * A call that one front door passes to the other (design §4 "Forwarding"). The body and the caller's headers travel as
 * they came, except Host; the forwarder signs what it received. The receiver strips these two headers from clients'
 * requests, verifies forwarder and caller again, and never forwards a second time.
 */

import * as v from "valibot";
import { edgeId, hexOf, nonce, timeMs } from "./fields.ts";

/** base64 of the JSON of a signed message of type `edge-kms/forward/1`. */
export const FORWARD_HEADER = "x-edge-kms-forward";
/** Headers of the caller that are passed on and covered by the signature; all others are dropped. */
export const forwardedHeaders = [
  "authorization",
  "content-type",
  "user-agent",
  "x-tc-action",
  "x-tc-content-sha256",
  "x-tc-language",
  "x-tc-region",
  "x-tc-requestclient",
  "x-tc-timestamp",
  "x-tc-token",
  "x-tc-traceid",
  "x-tc-version",
] as const;

/** A forwarded call older than this, or from further in the future, is refused. */
export const MAX_FORWARD_AGE_MS = 60_000;

export const CONTROL_PLANE_FORWARDER = "control-plane";

/** Payload of `edge-kms/forward/1`, signed by the enrolled edge key or the control plane's forwarding key. */
export const forwardedCall = v.strictObject({
  /** An edge's name, or {@link CONTROL_PLANE_FORWARDER}. */
  forwarder: edgeId,
  nonce,
  timeMs,
  /** Always 1: who receives a forwarded call serves it or refuses it. */
  hops: v.literal(1),
  requestId: v.pipe(v.string(), v.maxLength(36)),
  method: v.picklist(["GET", "POST"]),
  /** Path and query exactly as received. */
  target: v.pipe(v.string(), v.maxLength(33 * 1024)),
  /** Host header exactly as received: callers sign it. */
  host: v.pipe(v.string(), v.maxLength(512)),
  /** The caller's headers among {@link forwardedHeaders}, lower-case names, values as received. */
  headers: v.record(v.picklist(forwardedHeaders), v.pipe(v.string(), v.maxLength(8192))),
  /** SHA-256 of the body bytes. */
  bodySha256: hexOf(32),
  /** Address of the caller as the forwarder vouches for it; empty when it does not know. */
  clientAddress: v.pipe(v.string(), v.maxLength(64)),
});
export type ForwardedCall = v.InferOutput<typeof forwardedCall>;
