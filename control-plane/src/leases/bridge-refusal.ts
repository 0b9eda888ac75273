/** The bridge's refusal of a whole request of an edge, as that edge's answer. */

import { BridgeError } from "../bridge/errors.ts";
import type { EdgeAnswer } from "../edges/answers.ts";

/** @throws what is no BridgeError. */
export async function translateBridgeRefusal(
  error: unknown,
  raiseEpochs: () => Promise<void>,
): Promise<EdgeAnswer> {
  if (!(error instanceof BridgeError)) throw error;
  switch (error.code) {
    case "edge-refused":
    case "frozen":
      return { status: 403, error: { code: "edge-refused" }, reason: `bridge: ${error.code}` };
    case "stale-epoch":
      // The database was behind the bridge. The edge's next request finds it caught up.
      await raiseEpochs();
      return { status: 503, error: { code: "unavailable" }, reason: "bridge: stale-epoch" };
    default:
      return { status: 503, error: { code: "unavailable" }, reason: `bridge: ${error.code}` };
  }
}
