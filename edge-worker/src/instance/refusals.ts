/** Answers that are none, of the instance to its isolates. */

import type { ErrorCode } from "@edge-kms/protocol";
import type { Answer } from "./messages.ts";
import { UpstreamError } from "./upstream.ts";

export function refusal(
  code: "InternalError" | "RequestLimitExceeded",
  reason: string,
): Answer<never> {
  return { ok: false, code, reason };
}

/** The answer when the control plane gave none. @throws what is no UpstreamError. */
export function unreachable(what: string, thrown: unknown): Answer<never> {
  if (!(thrown instanceof UpstreamError)) throw thrown;
  console.error(`${what}: ${thrown.message}`);
  return refusal("InternalError", "control-plane-unreachable");
}

/** Whether a refusal says something of the key or the caller, and not only of this attempt. */
export function isSettled(code: ErrorCode): boolean {
  return code !== "InternalError" && code !== "RequestLimitExceeded";
}
