/**
 * The connection an edge instance holds to the control plane: `GET /edge/v1/connect`, upgraded to a WebSocket. The signed
 * hello travels in the header `x-edge-kms-connect`: base64 of the JSON of a signed message of type `edge-kms/connect/1`.
 * Each text frame is one JSON message below.
 */

import * as v from "valibot";
import { accountId, count, epoch } from "./fields.ts";
import { requestOrigin } from "./lease.ts";

export const CONNECT_HEADER = "x-edge-kms-connect";
/** The control plane sends a heartbeat this often. */
export const HEARTBEAT_MS = 1_000;
/** Without one for so long an instance counts as not connected (P2). */
export const DISCONNECTED_AFTER_MS = 5_000;

export const connectRequest = v.strictObject(requestOrigin);
export type ConnectRequest = v.InferOutput<typeof connectRequest>;

/**
 * Calls of the data plane that an edge instance serves a second: of one account, and of one access key. Configured at the
 * control plane; an edge that has not heard keeps to {@link defaultCallRates}.
 */
export const callRates = v.strictObject({
  perAccount: v.pipe(count, v.minValue(1)),
  perAccessKey: v.pipe(count, v.minValue(1)),
});
export type CallRates = v.InferOutput<typeof callRates>;
export const defaultCallRates: CallRates = { perAccount: 5_000, perAccessKey: 2_000 };

/** Control plane to edge. `epochs` in `hello` has every account the edge is enrolled for. */
export const controlMessage = v.variant("type", [
  v.strictObject({
    type: v.literal("hello"),
    epochs: v.array(v.strictObject({ account: accountId, epoch })),
    rates: v.optional(callRates),
  }),
  v.strictObject({ type: v.literal("epoch"), account: accountId, epoch }),
  v.strictObject({ type: v.literal("ping"), id: count }),
]);
export type ControlMessage = v.InferOutput<typeof controlMessage>;

/** Edge to control plane. */
export const edgeMessage = v.variant("type", [
  v.strictObject({ type: v.literal("pong"), id: count }),
]);
export type EdgeMessage = v.InferOutput<typeof edgeMessage>;
