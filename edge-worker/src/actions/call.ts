/** What an action's handler works with, and the trail it leaves for the audit record. */

import type {
  ActionInput,
  ActionOutput,
  KmsActionName,
  kmsActions,
  LeasedKey,
} from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import type { Region } from "../bindings.ts";
import type { Answer, DataKeyToRead, DataKeyToStore } from "../instance/messages.ts";
import type { OpenKey } from "../keys/open-keys.ts";

/** Parameters of an action as `parseInput` gives them, and its answer. */
export type Input<N extends KmsActionName> = ActionInput<(typeof kmsActions)[N]>;
export type Output<N extends KmsActionName> = ActionOutput<(typeof kmsActions)[N]>;

/** One use of a branch key, as the audit record names it. */
export interface KeyUse {
  readonly use: "encrypt" | "decrypt";
  readonly keyId: string;
  readonly version: number;
  readonly branch: string;
}

/** What a call touched, collected while it runs, so that a refusal has it too. */
export class Trail {
  readonly keyIds: string[] = [];
  readonly uses: KeyUse[] = [];
  /** Leases that the commit point has to check, and the keys they are of. */
  readonly leases: string[] = [];
  readonly keys: LeasedKey[] = [];
  store: OpenKey["store"] | null = null;

  /** A key that the caller or a ciphertext named; each once. */
  name(keyId: string): void {
    if (!this.keyIds.includes(keyId)) this.keyIds.push(keyId);
  }

  /** A key that this call relies on. */
  rely(key: LeasedKey, open: OpenKey): void {
    this.leases.push(open.leaseId);
    this.keys.push(key);
    this.store = open.store;
  }

  used(use: KeyUse["use"], { keyId, version, branch }: OpenKey): void {
    this.uses.push({ use, keyId, version, branch });
  }
}

/** Hosted data keys, as the control plane keeps them: encrypted under a CMK. */
export interface DataKeyDoor {
  storeDataKey(dataKey: DataKeyToStore): Promise<Answer<string>>;
  readDataKey(question: DataKeyToRead): Promise<Answer<{ keyId: string; blob: string }>>;
}

export interface ActionCall {
  readonly account: string;
  readonly region: Region;
  readonly core: Core;
  readonly trail: Trail;
  /** Of the call; a hosted data key that it makes is known by it. */
  readonly requestId: string;
  readonly uin: string;
  readonly dataKeys: DataKeyDoor;
  /** Runs a synchronous operation with a key, and puts the key on the trail. */
  withKey<T>(key: LeasedKey, operate: (open: OpenKey) => T): Promise<T>;
}
