/**
 * Readiness: one real wrap and one real unwrap. Nothing less tells: with its token directory gone SoftHSM still gives random
 * bytes, finds objects and opens sessions.
 */

import { equalBytes } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { encodeFields } from "../bytes.ts";
import { BridgeError } from "../errors.ts";

const associatedData = encodeFields("edge-kms/health/1", []);

export const health: Operation<"health"> = async (bridge) => {
  const startMs = performance.now();
  const probe = await bridge.store.random(32);
  const wrapped = await bridge.store.aesGcmEncrypt(bridge.probeObject, probe, associatedData);
  const again = await bridge.store.aesGcmDecrypt(bridge.probeObject, wrapped, associatedData);
  if (!equalBytes(probe, again)) {
    throw new BridgeError("hsm-unavailable", "The store does not open what it wrapped.");
  }
  return {
    store: bridge.store.kind,
    tookMs: Math.round((performance.now() - startMs) * 1000) / 1000,
  };
};
