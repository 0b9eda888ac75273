/** Which requests must have their parameters under the signature. */

import { type ActionDefinition, ApiError } from "@edge-kms/protocol";
import type { Caller } from "./authenticate.ts";

/**
 * Refuses state changes whose payload the caller did not sign (X-TC-Content-SHA256: UNSIGNED-PAYLOAD), and version 1
 * requests whose fields could be cut in another way under the same signature. Decrypt, refused as well, is the edge's.
 */
export function requireSignedPayload(action: ActionDefinition, caller: Caller): void {
  if (action.kind === "read" || caller.isPayloadSigned) return;
  throw new ApiError("AuthFailure.SignatureFailure", {
    message: "This action requires that the signature covers the payload.",
    detail: "unsigned payload",
  });
}
