/**
 * Replay at this door (design §4). A TC3 signature covers neither action, version, region nor token and has no nonce, so
 * a captured request could be sent again, as it is or as another action.
 *
 * Every signature that served is a row for 600 s, written in the transaction that records the call:
 * - a state change runs once: its signature serves nothing else afterwards, the same call included;
 * - a read may be repeated by the same signature, as the same (version, action, region, token) only.
 *
 * The row is in the database and not in memory so that this holds across copies, and between reads and changes. TC3 time
 * stamps count whole seconds: who sends the same change twice within one second is refused the second time and must sign
 * again. The refusal is `AuthFailure.SignatureExpire`: the signature is spent.
 *
 * Official clients make such pairs (EnableKey and DescribeKey of one key have one body), so protocol.md "Replay" lets a TC3
 * signature serve other calls for a few seconds after its first use: the setting `signatureReuseMs`, the protocol's five
 * seconds unless the operator shortens it; at 0 the strict rule above holds from the first use on. v1 signatures cover the
 * action and a nonce and never serve twice.
 */

import { createHash } from "node:crypto";
import { ApiError, type RequestHead } from "@edge-kms/protocol";
import type { Queryable } from "../db/index.ts";
import { recordSignature } from "../db/queries/used-signatures.ts";
import type { Caller } from "./authenticate.ts";

/** Twice the 300 s a time stamp may be off: whatever is older is refused for its age. */
export const rememberSignatureMs = 600_000;

/** What the sender of a spent signature is told, whatever else would have been wrong with the call. */
export const spentSignature = (): ApiError =>
  new ApiError("AuthFailure.SignatureExpire", {
    message: "The signature has been used already. Please sign the request again.",
    detail: "replayed signature",
  });

/** A call's claim on its signature. */
export interface SignatureClaim {
  readonly caller: Caller;
  readonly head: Pick<RequestHead, "version" | "action" | "region" | "token">;
  readonly isStateChange: boolean;
  /** For how long after its first use a TC3 signature may serve other calls; 0 for not at all. */
  readonly reuseMs: number;
}

/**
 * Records the caller's signature as used for this request.
 *
 * @throws ApiError when it has served already; the transaction must then not commit anything else.
 */
export async function claimSignature(
  tx: Queryable,
  claim: SignatureClaim,
  nowMs: number,
): Promise<void> {
  if (!(await spendSignature(tx, claim, nowMs))) throw spentSignature();
}

/** As {@link claimSignature}, for calls that are refused anyway: false when the signature has served already. */
export async function spendSignature(
  tx: Queryable,
  { caller, head, isStateChange, reuseMs }: SignatureClaim,
  nowMs: number,
): Promise<boolean> {
  const binding = bindingOf(head);
  const earlier = await recordSignature(tx, {
    secretId: caller.secretId,
    signature: caller.signature,
    account: caller.principal.account,
    binding,
    isStateChange,
    expiresAtMs: nowMs + rememberSignatureMs,
  });
  if (earlier === null) return true;
  const firstUsedMs = earlier.expiresAtMs - rememberSignatureMs;
  const isTogether =
    reuseMs > 0 && caller.method === "TC3-HMAC-SHA256" && nowMs - firstUsedMs <= reuseMs;
  if (isTogether) return true;
  return !isStateChange && !earlier.isStateChange && earlier.binding === binding;
}

/** What the signature leaves open, hashed: a token is a secret. */
function bindingOf(head: SignatureClaim["head"]): string {
  const parts = [head.version, head.action, head.region, head.token];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
