/** Liveness and identity, from memory and registry. Never asks the store. */

import { base64Encode } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { listEpochs } from "../registry/epochs.ts";
import { freezesRevision } from "../registry/freezes.ts";

export const status: Operation<"status"> = (bridge) => ({
  store: bridge.store.kind,
  tokens: [...bridge.store.tokens],
  generation: bridge.generation,
  startedAtMs: bridge.startedAtMs,
  publicKey: base64Encode(bridge.identity.publicKey),
  sealingKey: bridge.sealingKey.message,
  epochs: listEpochs(bridge.database),
  freezesRevision: freezesRevision(bridge.database),
});
