/**
 * What isolates and their edge instance say to each other over RPC. Plain data and bytes; keys and plaintexts only sealed
 * to the X25519 key of the isolate that asks (signing/sealing.ts), or to the bridge.
 */

import type {
  AsymmetricKeyUsage,
  BridgeSealingKey,
  CallerProof,
  Epoch,
  ErrorCode,
  LeasedKey,
  Operation,
  Principal,
  ReadDataKeyRequest,
  StoreDataKeyRequest,
} from "@edge-kms/protocol";
import type { Sealed } from "../signing/sealing.ts";

/** An answer, or the code that the caller of the API is told and a word on why for the audit trail. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly reason: string };

export interface KeyQuestion {
  readonly key: LeasedKey;
  /** X25519 public key of the isolate, 32 bytes. */
  readonly isolateKey: Uint8Array;
  /** A lease of this key that must not be answered again: it was found stale. */
  readonly staleLease: string | null;
}

/** A branch key on loan to an isolate. Times are the instance's, in milliseconds. */
export interface KeyLoan {
  readonly leaseId: string;
  readonly version: number;
  readonly branch: string;
  readonly suite: 1 | 2;
  readonly group: string;
  readonly epoch: Epoch;
  readonly store: "pkcs11" | "software";
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  readonly sealed: Sealed;
}

/** In place of a loan: the key stays in the bridge, which may be asked to perform operations with it. */
export interface Proxied {
  /** What operands are sealed to. */
  readonly sealingKey: BridgeSealingKey;
}

/** One operation for the bridge, sealed by the isolate: the instance signs and carries what it cannot read. */
export interface OperationQuestion {
  readonly operation: Operation;
  /** X25519 public key of the isolate, 32 bytes. */
  readonly isolateKey: Uint8Array;
  /** The request's nonce, which the operands are tied to: 16 bytes in hexadecimal. */
  readonly nonce: string;
  readonly sealingKeyId: string;
  readonly sealed: Sealed;
}

/** What the bridge has done, with the terms under which it may be answered. */
export interface Performed {
  readonly leaseId: string;
  /** The branch key that was used; null for a private key. */
  readonly branch: {
    readonly version: number;
    readonly branch: string;
    readonly suite: 1 | 2;
  } | null;
  readonly store: "pkcs11" | "software";
  readonly requestHash: string;
  /** Envelope, plaintext or signature, sealed to the isolate by the bridge. */
  readonly sealed: Sealed;
}

export interface CallerQuestion {
  readonly proof: CallerProof;
  readonly isolateKey: Uint8Array;
  readonly staleLease: string | null;
}

/** A caller who is known now. */
export interface CallerLoan {
  readonly leaseId: string;
  readonly principal: Principal;
  readonly epoch: Epoch;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  /** kSigning of the proof's day and service; null when the grant vouches for that one request only. */
  readonly sealed: Sealed | null;
}

/** A data key to be hosted; what the control plane keeps of it is the envelope. */
export type DataKeyToStore = Omit<StoreDataKeyRequest, keyof ReadDataKeyRequest> &
  Pick<StoreDataKeyRequest, "account" | "region">;

export type DataKeyToRead = Pick<ReadDataKeyRequest, "account" | "region" | "dataKeyId">;

export interface PublicKeyQuestion {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
}

/** A public key that may be used now, and the id under which the commit point holds the call to that. */
export interface PublicKeyLoan {
  readonly leaseId: string;
  readonly usage: AsymmetricKeyUsage;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** One signature for the replay memory: 8 bytes name it, 8 say what it was used for, 1 whether it may be reused. */
export const REPLAY_BYTES = 17;

/**
 * Calls in one batch, which is one row of the outbox. A record has at most MAX_AUDIT_RECORD_BYTES (8192) and a line feed, a row
 * 2 MB (Durable Objects, "Limits"; taken as 2,000,000 bytes): 244 would fit.
 */
export const MAX_BATCH = 240;

/**
 * Calls to be recorded, in order; entry `i` of each list belongs together. A call with an empty `callers[i]` is the record
 * of a refusal of the commit point itself: it stands for no operation and nothing is checked but the room for it.
 */
export interface Batch {
  /** Texts from `encodeAuditEvent`. */
  readonly events: readonly string[];
  /** Lease of the caller's credential. */
  readonly callers: readonly string[];
  /** Account of the caller. */
  readonly accounts: readonly string[];
  /** Leases of the keys that the operation used. */
  readonly keys: readonly (readonly string[])[];
  /** REPLAY_BYTES for each. */
  readonly signatures: Uint8Array;
  /** `Commitment.epochsRevision` that the isolate has seen. */
  readonly epochsRevision: number;
}

/** What became of one call. Only `recorded` lets its answer go. */
export const verdicts = {
  recorded: 0,
  /** The caller's credential lease is void: verify the caller anew. */
  staleCaller: 1,
  /** A key's lease is void: lease anew. */
  staleKey: 2,
  /** The signature was used for something else before. */
  replayed: 3,
  /** Too many records wait to be delivered. */
  overBudget: 4,
  /** The replay memory is full. */
  overloaded: 5,
  /** Its record is longer than the control plane takes. */
  tooLong: 6,
  /** Of the account, or with the access key, more calls were made than are served a second; counted for the record. */
  overRate: 7,
} as const;

export interface Commitment {
  /** A value of `verdicts` for each call. */
  readonly verdicts: Uint8Array;
  readonly epochsRevision: number;
  /** Epochs by account, when they are newer than what the isolate has seen; else null. */
  readonly epochs: readonly (readonly [account: string, epoch: Epoch])[] | null;
}

export interface InstanceStatus {
  readonly isConnected: boolean;
  /** Audit records that are not yet acknowledged. */
  readonly waitingRecords: number;
  /** Those of them whose delivery the control plane refuses. */
  readonly blockedRecords: number;
}
