/** The rules. Each gives sentences about what broke it; none is what must come out. */

import { edgekmsActions, kmsActions, signatureReuseMs } from "@edge-kms/protocol";
import { createClient } from "../support/client.ts";
import { withDatabase } from "../support/database.ts";
import { type Call, isAnswered } from "./calls.ts";
import {
  CHANGE_DEADLINE_MS,
  type Clients,
  checkState,
  DATA_DEADLINE_MS,
  SHORT_LEASE_MS,
} from "./clients.ts";
import type { Fault } from "./faults.ts";
import type { World } from "./world.ts";

/** Records travel to the database within this, once everything is whole again. */
const DELIVERED_WITHIN_MS = 60_000;

/** What a caller may be told of trouble that is not its own: all of these may be sent again. */
const troubles = new Set([
  "InternalError",
  "RequestLimitExceeded",
  "UnsupportedOperation.ServiceTemporaryUnavailable",
]);
/** Of every action, beside those that its page lists. */
const always = new Set(["InternalError", "RequestLimitExceeded"]);

const atTheEdge = new Set(["Encrypt", "Decrypt", "GenerateDataKey"]);

/** A refusal blames nobody's key and no signature, and has a code that the action documents. */
export function checkRefusals(calls: readonly Call[], fault: Fault): string[] {
  return calls.flatMap((call) => {
    const { action, what, outcome } = call;
    if (outcome === null || outcome === "ok") return [];
    if (!isAnswered(call)) {
      return fault.takesEdgeAway
        ? []
        : [`${fault.name}: ${action} ${what} had no answer: ${outcome}`];
    }
    const documented: readonly string[] =
      { ...kmsActions, ...edgekmsActions }[action as keyof typeof kmsActions]?.errors ?? [];
    // Calls with one body in one second have one signature; who is held up is too late for it (protocol.md "Replay").
    const isTooLate = call.endedAtMs - call.sentAtMs > signatureReuseMs;
    if (isTooLate && outcome === "AuthFailure.SignatureExpire") return [];
    if (troubles.has(outcome) && (always.has(outcome) || documented.includes(outcome))) return [];
    return [`${fault.name}: ${action} ${what} was refused with ${outcome}`];
  });
}

/** Whatever happens, a call ends in its time. */
export function checkDeadlines(calls: readonly Call[], fault: Fault): string[] {
  return calls.flatMap(({ action, what, sentAtMs, endedAtMs, outcome }) => {
    if (outcome === null) return [];
    const tookMs = endedAtMs - sentAtMs;
    const deadlineMs = atTheEdge.has(action) ? DATA_DEADLINE_MS : CHANGE_DEADLINE_MS;
    if (tookMs < deadlineMs) return [];
    return [`${fault.name}: ${action} ${what} took ${Math.round(tookMs)} ms`];
  });
}

/** A call sent after the last lease was over, and answered while there could be no other, was answered without one. */
export function checkExpiry(
  calls: readonly Call[],
  fault: Fault,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): string[] {
  if (!fault.cutsEdgeOff) return [];
  return calls.flatMap(({ action, what, sentAtMs, endedAtMs, outcome }) => {
    const isLate = sentAtMs > fromMs + SHORT_LEASE_MS && endedAtMs < untilMs;
    if (!isLate || outcome !== "ok" || what !== "short-lived") return [];
    const lateMs = Math.round(sentAtMs - fromMs - SHORT_LEASE_MS);
    return [`${fault.name}: ${action} was answered ${lateMs} ms after the lease was over`];
  });
}

/** Every answered call is in the database, and under no other name than its own. */
export async function checkAudit(world: World, calls: readonly Call[]): Promise<string[]> {
  const missing = new Map(
    calls
      .filter((call) => call.outcome === "ok" && isAnswered(call))
      .map((call) => [call.requestId as string, call]),
  );
  const deadline = Date.now() + DELIVERED_WITHIN_MS;
  while (missing.size > 0 && Date.now() < deadline) {
    for (const id of await recorded(world, [...missing.keys()])) missing.delete(id);
  }
  return [...missing.values()].map(({ action, what }) => `${action} ${what} is not in the audit`);
}

function recorded(world: World, requestIds: readonly string[]): Promise<string[]> {
  return withDatabase(world.system, async (query) => {
    const { rows } = (await query(
      `select request_id from edge_audit_records where request_id = any($1) and error_code = ''
       union select request_id from call_events where request_id = any($1) and error_code = ''`,
      [requestIds],
    )) as { rows: { request_id: string }[] };
    return rows.map(({ request_id }) => request_id);
  });
}

/** Every key that was acknowledged is there, in a state that was acknowledged. */
export async function checkWrites(world: World, { changed, log }: Clients): Promise<void> {
  const kms = createClient(world.system);
  for (let at = 0; at < changed.length; at += 100) {
    const some = changed.slice(at, at + 100);
    const { KeyMetadatas = [] } = await kms.DescribeKeys({
      KeyIds: some.map(({ keyId }) => keyId),
    });
    const states = new Map(KeyMetadatas.map(({ KeyId, KeyState }) => [KeyId, KeyState]));
    for (const key of some) checkState(log, key, states.get(key.keyId));
  }
}
