/** Refusals and failures of the bridge, and what callers are told of them. */

import {
  ApiError,
  type BridgeErrorCode,
  bridgeErrors,
  type ErrorCode,
  type Operation,
} from "@edge-kms/protocol";

/** Codes of the bridge, and what can happen on the way to it. */
export type BridgeFailure =
  | BridgeErrorCode
  /** No connection: the call did not arrive. */
  | "unreachable"
  /** No answer in time, or the connection broke: the call may have taken effect. */
  | "no-answer"
  /** An answer that is not in the shape of the API. */
  | "malformed-answer";

/** A call to the bridge that gave no result. The message has the call's name and a code, nothing of its content. */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly code: BridgeFailure;

  constructor(call: string, code: BridgeFailure, cause?: unknown) {
    super(`bridge ${call}: ${code}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export function isBridgeErrorCode(text: string): text is BridgeErrorCode {
  return Object.hasOwn(bridgeErrors, text);
}

/**
 * What the caller of a management action is told. Refusals that the control plane should not have provoked are its own
 * fault: InternalError.
 */
const managementCodes: Readonly<Record<BridgeFailure, ErrorCode>> = {
  "bad-request": "InternalError",
  "not-permitted": "InternalError",
  "not-found": "InternalError",
  conflict: "InternalError",
  "edge-refused": "InternalError",
  frozen: "UnauthorizedOperation",
  "wrong-group": "InternalError",
  "stale-epoch": "InternalError",
  "sealing-key-changed": "InternalError",
  "bad-signature": "AuthFailure.SignatureFailure",
  // By an operator.
  destroyed: "ResourceUnavailable.CmkNotFound",
  "too-early": "InternalError",
  corrupt: "InternalError",
  "not-authentic": "InternalError",
  "import-token": "ResourceUnavailable.TokenExpired",
  "import-rejected": "InvalidParameter.DecryptMaterialError",
  "import-mismatch": "InvalidParameterValue.MaterialNotMatch",
  "too-many-failures": "RequestLimitExceeded",
  "hsm-unavailable": "UnsupportedOperation.ServiceTemporaryUnavailable",
  internal: "InternalError",
  unreachable: "UnsupportedOperation.ServiceTemporaryUnavailable",
  "no-answer": "UnsupportedOperation.ServiceTemporaryUnavailable",
  "malformed-answer": "InternalError",
};

/** The bridge's failure as a management action's answer; anything else as it is. */
export function toManagementError(thrown: unknown): unknown {
  if (!(thrown instanceof BridgeError)) return thrown;
  return new ApiError(managementCodes[thrown.code], { detail: thrown.message, cause: thrown });
}

/**
 * What an edge tells the caller of Encrypt or Decrypt when the bridge refuses the use of one key (design P4: only what
 * the control plane has found in the caller's account has a state; for the rest of Decrypt there is one answer). All others are
 * InternalError.
 */
const leaseCodes: Readonly<
  Partial<Record<BridgeErrorCode, { encrypt: ErrorCode; decrypt: ErrorCode }>>
> = {
  // By an operator's ceiling.
  "not-permitted": { encrypt: "UnauthorizedOperation", decrypt: "UnauthorizedOperation" },
  "not-found": {
    encrypt: "InternalError",
    decrypt: "InvalidParameterValue.InvalidCiphertext",
  },
  // The bridge has a date of destruction that this database does not know: the codes of PendingDelete (contract §3.1).
  conflict: {
    encrypt: "ResourceUnavailable.KeyPendingDelete",
    decrypt: "ResourceUnavailable.CmkDisabled",
  },
  "edge-refused": { encrypt: "UnauthorizedOperation", decrypt: "UnauthorizedOperation" },
  frozen: { encrypt: "UnauthorizedOperation", decrypt: "UnauthorizedOperation" },
  "wrong-group": {
    encrypt: "InternalError",
    decrypt: "InvalidParameterValue.InvalidCiphertext",
  },
  destroyed: {
    encrypt: "ResourceUnavailable.CmkNotFound",
    decrypt: "ResourceUnavailable.CmkNotFound",
  },
  "not-authentic": {
    encrypt: "InternalError",
    decrypt: "InvalidParameterValue.InvalidCiphertext",
  },
};

/** The same for private keys, whose callers name them and are told of their states. */
const pairCodes: Readonly<Partial<Record<BridgeErrorCode, ErrorCode>>> = {
  "bad-request": "InvalidParameter",
  "not-permitted": "UnauthorizedOperation",
  "edge-refused": "UnauthorizedOperation",
  frozen: "UnauthorizedOperation",
  // A date of destruction that this database does not know.
  conflict: "ResourceUnavailable.CmkStateNotSupport",
  destroyed: "ResourceUnavailable.CmkNotFound",
  "not-authentic": "FailedOperation.DecryptError",
};

/** What the caller is told of the bridge's refusal; everything that is in no table is InternalError. */
export function leaseErrorCode(code: string, purpose: Operation["purpose"]): ErrorCode {
  if (!isBridgeErrorCode(code)) return "InternalError";
  const told =
    purpose === "encrypt" || purpose === "decrypt" ? leaseCodes[code]?.[purpose] : pairCodes[code];
  return told ?? "InternalError";
}
