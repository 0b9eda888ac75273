/** One row per call of protocol's `bridgeApi`; a missing one does not compile. */

import type { BridgeCall } from "@edge-kms/protocol";
import type { Operation } from "../bridge.ts";
import { abandonKey } from "./abandon-key.ts";
import { createCredential } from "./create-credential.ts";
import { createExternalKey } from "./create-external-key.ts";
import { createKey } from "./create-key.ts";
import { createKeyPair } from "./create-key-pair.ts";
import { deleteMaterial } from "./delete-material.ts";
import { destroyKey } from "./destroy-key.ts";
import { cancelDestruction, scheduleDestruction } from "./destruction-date.ts";
import { listEdgeModeCeilings, setEdgeModeCeiling } from "./edge-mode-ceilings.ts";
import { enrollEdge, listEdges } from "./edges.ts";
import { freeze, listFreezes, unfreeze } from "./freezes.ts";
import { health } from "./health.ts";
import { importMaterial } from "./import-material.ts";
import { importParameters } from "./import-parameters.ts";
import { lease } from "./lease.ts";
import { leaseCredential } from "./lease-credential.ts";
import { operate } from "./operate.ts";
import { random } from "./random.ts";
import { readLog } from "./read-log.ts";
import { resealCredential } from "./reseal-credential.ts";
import { rotateKey } from "./rotate-key.ts";
import { status } from "./status.ts";
import { storeCalls } from "./store-calls.ts";
import { verifyCredential } from "./verify-credential.ts";

export const operations: { readonly [C in BridgeCall]: Operation<C> } = {
  status,
  health,
  storeCalls,
  createKey,
  createExternalKey,
  createKeyPair,
  importParameters,
  importMaterial,
  deleteMaterial,
  abandonKey,
  rotateKey,
  scheduleDestruction,
  cancelDestruction,
  destroyKey,
  lease,
  operate,
  createCredential,
  resealCredential,
  verifyCredential,
  leaseCredential,
  random,
  listEdges,
  enrollEdge,
  freeze,
  unfreeze,
  listFreezes,
  setEdgeModeCeiling,
  listEdgeModeCeilings,
  readLog,
};
