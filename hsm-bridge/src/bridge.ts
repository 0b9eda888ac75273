/** What every operation works with. One instance per process; built by `start.ts`. */

import type { BridgeCall, BridgeRequest, BridgeResponse, BridgeRole } from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import type { StoreCalls } from "./counted-store.ts";
import type { Identity } from "./identity.ts";
import type { KeyStore } from "./key-store.ts";
import type { LeaseCaps } from "./limits.ts";
import type { Logger } from "./log.ts";
import type { KeyedMutex } from "./mutex.ts";
import type { Readiness } from "./readiness.ts";
import type { Database } from "./registry/database.ts";
import type { SealingKey } from "./sealing-key.ts";

export interface Bridge {
  readonly store: KeyStore;
  readonly storeCalls: StoreCalls;
  readonly database: Database;
  readonly identity: Identity;
  readonly sealingKey: SealingKey;
  /** What operations on branch keys run in: memory that is wiped when a key is released. */
  readonly core: Core;
  readonly logger: Logger;
  readonly clock: () => number;
  readonly startedAtMs: number;
  /** Number of this registry's life; epochs of another are refused. */
  readonly generation: number;
  /** Store objects that are not keys of customers. */
  readonly sealingObject: string;
  readonly probeObject: string;
  readonly readiness: Readiness;
  readonly caps: LeaseCaps;
  readonly branchPeriodDays: number;
  /** Encryptions permitted with a branch key before the next takes its place; the suite's own number where that is lower. */
  readonly branchTurnover: number;
  readonly leaseRootCredentials: boolean;
  /** Nonces of requests being served; the answered ones are in the registry. */
  readonly noncesUnderWay: Set<string>;
  /** One change at a time per key: creating, branching, giving up, destroying. */
  readonly keyLocks: KeyedMutex;
}

export interface Caller {
  readonly role: BridgeRole;
}

/** One operation of `bridgeApi`. It refuses by throwing a BridgeError. */
export type Operation<C extends BridgeCall> = (
  bridge: Bridge,
  request: BridgeRequest<C>,
  caller: Caller,
) => Promise<BridgeResponse<C>> | BridgeResponse<C>;
