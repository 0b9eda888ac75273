/**
 * The two ways the bridge says no. `BridgeError` answers one call and carries a code of protocol's closed table;
 * `StartupError` ends the process with one sentence for the operator.
 */

import { type BridgeErrorCode, bridgeErrors } from "@edge-kms/protocol";

/**
 * A refusal that goes out as `{"error": {code, message}}`. The message is public to the control plane: it names fields
 * and rules and never repeats a value that could be secret. `detail` stays in the bridge's own output.
 */
export class BridgeError extends Error {
  override readonly name = "BridgeError";
  readonly code: BridgeErrorCode;
  readonly detail: string | undefined;

  constructor(
    code: BridgeErrorCode,
    message: string,
    options: { readonly detail?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
  }

  get status(): number {
    return bridgeErrors[this.code].status;
  }
}

/** The bridge cannot start or go on. The message is one clear sentence; the process exits non-zero. */
export class StartupError extends Error {
  override readonly name = "StartupError";

  constructor(sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
  }
}

/** Any thrown value as a BridgeError; what is not one becomes `internal`, which tells the caller nothing. */
export function toBridgeError(thrown: unknown): BridgeError {
  if (thrown instanceof BridgeError) return thrown;
  return new BridgeError("internal", "The bridge failed to serve the call.", { cause: thrown });
}

/**
 * A store's `not-found` where the registry says there is an object: that is the bridge's fault and must not read as the
 * caller's unknown key.
 */
export function asMissingObject(thrown: unknown, objectId: string): unknown {
  if (!(thrown instanceof BridgeError) || thrown.code !== "not-found") return thrown;
  return new BridgeError("internal", "The key store lacks an object of the registry.", {
    detail: objectId,
    cause: thrown,
  });
}
