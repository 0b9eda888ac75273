/** What the audit record says of a call. Texts of the caller are cut and cleaned; no plaintext, key or token is among them. */

import {
  type ApiError,
  type AuditEvent,
  encodeAuditEvent,
  type RequestHead,
} from "@edge-kms/protocol";
import type { Trail } from "../actions/call.ts";
import type { Caller } from "../caller/authenticate.ts";
import type { Arrival } from "../http/arrival.ts";

/** Printable ASCII, so that the encoding has a bounded length and no two readings. */
const otherThanPrintable = /[^\x20-\x7e]/g;
const reasonWord = /^[a-z][a-z0-9-]{0,63}$/;

function cleaned(text: string | null, maxChars: number): string {
  return (text ?? "").slice(0, maxChars).replace(otherThanPrintable, "?");
}

export function auditEventOf(
  arrival: Arrival,
  head: RequestHead,
  region: string,
  caller: Caller,
  trail: Trail,
  error: ApiError | null,
): string {
  const { principal } = caller;
  const detail = error?.detail ?? "";
  const event: AuditEvent = {
    requestId: arrival.requestId,
    timeMs: Date.now(),
    service: head.service,
    apiVersion: head.version,
    action: head.action,
    region,
    account: principal.account,
    uin: principal.uin,
    principalType: principal.type,
    secretId: caller.secretId,
    sourceAddress: arrival.clientAddress,
    userAgent: cleaned(arrival.headers.get("user-agent"), 256),
    requestClient: cleaned(head.requestClient, 128),
    signatureMethod: caller.method,
    errorCode: error?.code ?? "",
    reason: error === null ? "" : reasonWord.test(detail) ? detail : "unspecified",
    keyIds: trail.keyIds.slice(0, 4),
    uses: trail.uses.slice(0, 2),
    store: trail.store,
  };
  return encodeAuditEvent(event);
}
