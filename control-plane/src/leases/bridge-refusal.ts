/** The bridge's refusal of a whole request of an edge, as that edge's answer. */

import { BridgeError } from "../bridge/errors.ts";
import { type EdgeAnswer, unavailable } from "../edges/answers.ts";

/** @throws what is no BridgeError. */
export function translateBridgeRefusal(error: unknown): EdgeAnswer {
  if (!(error instanceof BridgeError)) throw error;
  const reason = `bridge: ${error.code}`;
  switch (error.code) {
    case "edge-refused":
    case "frozen":
      return { status: 403, error: { code: "edge-refused" }, reason };
    case "sealing-key-changed":
      return { status: 409, error: { code: "sealing-key-changed" }, reason };
    default:
      return unavailable(reason);
  }
}
