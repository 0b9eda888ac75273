/** What an action's handler works with, and the trail it leaves for the audit record. */

import type {
  ActionInput,
  ActionOutput,
  KmsActionName,
  kmsActions,
  LeasedKey,
  Operands,
  PairOperation,
} from "@edge-kms/protocol";
import type { Core } from "@edge-kms/wasm-core";
import type { Region } from "../bindings.ts";
import type { Answer, DataKeyToRead, DataKeyToStore, PublicKeyLoan } from "../instance/messages.ts";
import type { OpenKey } from "../keys/open-keys.ts";

/** Parameters of an action as `parseInput` gives them, and its answer. */
export type Input<N extends KmsActionName> = ActionInput<(typeof kmsActions)[N]>;
export type Output<N extends KmsActionName> = ActionOutput<(typeof kmsActions)[N]>;

/** Which branch key was used. */
export type Branch = Pick<OpenKey, "keyId" | "version" | "branch" | "suite">;

/** One use of a branch key, as the audit record names it. */
export interface KeyUse extends Omit<Branch, "suite"> {
  readonly use: "encrypt" | "decrypt";
}

/** What is to be done with a key: here with a leased one, or by the bridge with one that stays there. */
export interface KeyWork<T> {
  /** Synchronous. */
  readonly here: (open: OpenKey) => T;
  /** What the bridge does it with. */
  readonly operands: () => Operands;
  /** Takes what the bridge answered to the operands; `content` is wiped afterwards. */
  readonly byBridge: (done: Branch, content: Uint8Array) => T;
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
  rely(key: LeasedKey, lease: Pick<OpenKey, "leaseId" | "store">): void {
    this.leases.push(lease.leaseId);
    this.keys.push(key);
    this.store = lease.store;
  }

  /** What allows this one answer, and would be had anew if it were void. */
  relyOnce(lease: { readonly leaseId: string; readonly store: OpenKey["store"] | null }): void {
    this.leases.push(lease.leaseId);
    if (lease.store !== null) this.store = lease.store;
  }

  used(use: KeyUse["use"], { keyId, version, branch }: Branch): void {
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
  /** Has the work done with a key, here or in the bridge, and puts the key on the trail. */
  withKey<T>(key: LeasedKey, work: KeyWork<T>): Promise<T>;
  /** Has the bridge sign or decrypt with a private key; the result is the caller's to wipe. */
  withPair(operation: PairOperation, text: Uint8Array): Promise<Uint8Array>;
  /** The public key of an asymmetric CMK that may be used. */
  publicKey(keyId: string): Promise<PublicKeyLoan>;
}
