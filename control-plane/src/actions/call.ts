/** One authenticated, authorised call, as a handler has it in hand. */

import type { LeaseLimits, Principal } from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import type { Database, Queryable } from "../db/index.ts";
import type { KeyScope } from "../db/queries/keys.ts";
import type { EdgeDirectory } from "../edges/directory.ts";
import type { Log } from "../log.ts";
import type { Region } from "../regions.ts";

/** What handlers work with. */
export interface ActionServices {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
  readonly regions: readonly Region[];
  /** Enrolled edges. */
  readonly directory: Pick<EdgeDirectory, "ofAccount">;
  /** Of branch-key leases of keys without lease times of their own. */
  readonly keyLimits: LeaseLimits;
  /** CMKs per account and region. */
  readonly cmkQuota: number;
  /** Hosted data keys per account and region. */
  readonly dataKeyQuota: number;
  /** `access/replay.ts`. */
  readonly signatureReuseMs: number;
  /** What may be named as a target of alarms, and what receivers verify webhooks with (raw, base64). */
  readonly notifications: {
    readonly allowedHosts: ReadonlySet<string>;
    readonly hasMail: boolean;
    readonly webhookPublicKey: string;
  };
  /** Runs database or network work whose outcome the caller does not wait for. */
  readonly background: (name: string, work: () => Promise<void>) => void;
  readonly log: Log;
}

export interface Call {
  readonly services: ActionServices;
  readonly principal: Principal;
  /** The access key that signs the call. */
  readonly secretId: string;
  /** The region asked for. A regionless action must not read it. */
  readonly region: Region;
  /** The caller's account in that region. */
  readonly scope: KeyScope;
  readonly nowMs: number;
  /** Adds a key to those the audit event names: one that the call made. */
  noteKey(keyId: string): void;
  /**
   * The transaction in which a state change happens. It uses up the caller's signature and records the event with it, all
   * or nothing. Once per call.
   */
  change<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** An earlier transaction of a change in several steps: uses up the signature, records no event. */
  prepare<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
}
