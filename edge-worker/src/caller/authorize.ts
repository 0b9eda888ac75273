/** Whether a caller may do what it asks: the one place where this door decides it, before any key is touched. */

import { type ActionDefinition, ApiError } from "@edge-kms/protocol";
import type { Caller } from "./authenticate.ts";

/** What yields plaintext or a signature of this caller's. */
const yielding: ReadonlySet<string> = new Set([
  "Decrypt",
  "GetDataKeyPlaintext",
  "AsymmetricRsaDecrypt",
  "AsymmetricSm2Decrypt",
  "SignByAsymmetricKey",
]);

/**
 * The root account may do everything within its own account; leases see to "own". Sub-users may do nothing yet: their
 * policies come with access management. What yields something that was kept from others, and whatever changes state, must have its parameters under the signature.
 */
export function authorize(action: ActionDefinition, caller: Caller): void {
  if (caller.principal.type !== "root") throw new ApiError("UnauthorizedOperation");
  const mustBeSigned = action.kind === "write" || yielding.has(action.name);
  if (mustBeSigned && !caller.isPayloadSigned) {
    throw new ApiError("AuthFailure.SignatureFailure", {
      message: "This action requires that the signature covers the payload.",
      detail: "unsigned-payload",
    });
  }
}
