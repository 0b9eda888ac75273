/**
 * What the bridge and the PKCS#11 process say to each other over Node's IPC channel (`serialization: "advanced"`, so
 * byte strings travel as bytes). The channel is a socket pair between parent and child: nobody else reads it, and what the
 * kernel buffers of it cannot be wiped.
 */

import type { BridgeErrorCode } from "@edge-kms/protocol";
import type {
  PairKind,
  RsaPadding,
  SelfTestReport,
  SignScheme,
  StoredObject,
} from "../key-store.ts";

/** How to reach a token. The PIN travels in the first message, never in arguments or environment. */
export interface TokenSettings {
  /** Path of the vendor's PKCS#11 library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  /** Sessions open at once; each does one operation at a time. */
  readonly maxSessions: number;
  /** Use a token that lets C_WrapKey export non-extractable keys. */
  readonly acceptExtractingToken: boolean;
  /** For NSS only: `CK_C_INITIALIZE_ARGS.LibraryParameters`. */
  readonly libraryParameters?: string;
}

export interface InitTokenSettings {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  /** PIN of the security officer, who may set the user's PIN and erase the token. */
  readonly securityOfficerPin: string;
  /** As in `TokenSettings`. */
  readonly libraryParameters?: string;
}

/** One row per operation: what goes in, what comes out. */
export interface WorkerOperations {
  open: { in: TokenSettings; out: SelfTestReport };
  initToken: { in: InitTokenSettings; out: { isNew: boolean } };
  generate: { in: { id: string }; out: null };
  encrypt: { in: { id: string; plaintext: Uint8Array; aad: Uint8Array }; out: Uint8Array };
  decrypt: { in: { id: string; sealed: Uint8Array; aad: Uint8Array }; out: Uint8Array };
  importKey: { in: { id: string; key: Uint8Array }; out: null };
  generatePair: { in: { id: string; kind: PairKind }; out: Uint8Array };
  rsaDecrypt: { in: { id: string; padding: RsaPadding; ciphertext: Uint8Array }; out: Uint8Array };
  sign: { in: { id: string; scheme: SignScheme; digest: Uint8Array }; out: Uint8Array };
  destroy: { in: { id: string }; out: boolean };
  has: { in: { id: string }; out: boolean };
  removeHollow: { in: null; out: number };
  list: { in: null; out: readonly StoredObject[] };
  random: { in: { byteCount: number }; out: Uint8Array };
  selfTest: { in: null; out: SelfTestReport };
  close: { in: null; out: null };
}
export type WorkerOperation = keyof WorkerOperations;

export type WorkerRequest = {
  [O in WorkerOperation]: { seq: number; operation: O; input: WorkerOperations[O]["in"] };
}[WorkerOperation];

export interface WorkerFailure {
  readonly code: BridgeErrorCode;
  readonly message: string;
  /** `CKR_…` and the function, for the bridge's own output. */
  readonly detail: string;
  /** Starting cannot succeed by trying again: wrong PIN, no such token, no addon, a token that fails the self-test. */
  readonly isFinal: boolean;
  /** The token refused the PIN: trying again could lock it. */
  readonly isPinRefused?: boolean;
}

export type WorkerResponse =
  | { readonly seq: number; readonly ok: true; readonly output: unknown }
  | { readonly seq: number; readonly ok: false; readonly error: WorkerFailure };
