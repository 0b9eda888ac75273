/**
 * `POST /edge/v1/sealing-key`: passes on the key that edges seal v1 proofs and operands to, as the bridge has signed it. Not kept here:
 * edges ask once for each start of the bridge, and a copy that remembered would hand out a key that is gone.
 */

import { type SealingKeyResponse, sealingKeyRequest, signedMessageTypes } from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import { translateBridgeRefusal } from "./bridge-refusal.ts";

export interface SealingKeyServices extends EdgeAuthentication {
  readonly bridge: Pick<Bridge, "call">;
}

/** @param input parsed JSON of the request's body. */
export async function passOnSealingKey(
  services: SealingKeyServices,
  input: unknown,
): Promise<EdgeAnswer> {
  const { sealingKeyRequest: type } = signedMessageTypes;
  const request = await authenticateEdge(services, input, type, sealingKeyRequest, (r) => r.edge);
  if (!request.ok) return refusedEdge(request.reason);
  if (request.edge.isFrozen) return refusedEdge("frozen");
  try {
    const { sealingKey } = await services.bridge.call("status", {});
    const body: SealingKeyResponse = { sealingKey };
    return { status: 200, body };
  } catch (error) {
    return translateBridgeRefusal(error);
  }
}
