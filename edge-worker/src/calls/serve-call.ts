/**
 * A data-plane call from signature to answer: authenticate → authorise → act → commit → answer. What happens between
 * authentication and the answer is recorded, refusals too; a call whose caller is not known is refused without a record,
 * because anyone could fill the outbox with those.
 */

import {
  type ActionDefinition,
  ApiError,
  encodeError,
  encodeSuccess,
  type LeasedKey,
  type PairOperation,
  parseRequestParams,
  type RequestHead,
  toApiError,
  unwrap,
} from "@edge-kms/protocol";
import { type ActionCall, type KeyWork, Trail } from "../actions/call.ts";
import { perform } from "../actions/perform.ts";
import type { Region } from "../bindings.ts";
import type { Caller } from "../caller/authenticate.ts";
import { authorize } from "../caller/authorize.ts";
import { usedSignature } from "../caller/used-signature.ts";
import type { Arrival } from "../http/arrival.ts";
import { type PublicKeyLoan, verdicts } from "../instance/messages.ts";
import type { Visit } from "../isolate/isolate.ts";
import { proxied } from "../keys/key-ring.ts";
import { describeCause } from "../log.ts";
import { auditEventOf } from "./audit-event.ts";

/**
 * A lease that ended between its use and the record is had anew. Every change of a key in the account ends all of its leases, so where keys
 * are changed often and the control plane is slow, the next may end as well.
 */
const MAX_ATTEMPTS = 10;
/** No attempt begins later than this after the first: a call ends within its deadline. */
const ATTEMPTS_BEGIN_WITHIN_MS = 5_000;

/** The body of the answer; that of the request is wiped. @throws ApiError for what is refused without a record. */
export async function serveCall(
  arrival: Arrival,
  head: RequestHead,
  action: ActionDefinition,
  visit: Visit,
): Promise<string> {
  try {
    return await attempts(arrival, head, action, visit);
  } finally {
    arrival.body.fill(0);
  }
}

async function attempts(
  arrival: Arrival,
  head: RequestHead,
  action: ActionDefinition,
  visit: Visit,
): Promise<string> {
  let staleCaller: string | null = null;
  const lastBeginMs = Date.now() + ATTEMPTS_BEGIN_WITHIN_MS;
  for (let attempt = 1; ; attempt++) {
    const { authentication } = visit.isolate;
    const caller = await authentication.authenticate(arrival, head, visit, staleCaller);
    const outcome = await run(arrival, head, action, caller, visit);
    const { trail, error } = outcome;
    const verdict = await commit(arrival, head, caller, trail, error, visit, caller.leaseId);
    switch (verdict) {
      case verdicts.recorded:
        return outcome.body;
      case verdicts.staleCaller:
        visit.isolate.dropCaller(caller.leaseId);
        staleCaller = caller.leaseId;
        break;
      case verdicts.staleKey:
        visit.isolate.keys.drop(trail.leases, trail.keys);
        break;
      case verdicts.replayed:
        return refuse(arrival, head, caller, trail, visit, spentSignature());
      case verdicts.overRate:
        // The instance records how many.
        throw new ApiError("RequestLimitExceeded", { detail: "over-rate" });
      case verdicts.tooLong:
        throw new ApiError("InternalError", { detail: "record-too-long" });
      default:
        // No room for a record, so there is none of this refusal either.
        throw new ApiError("RequestLimitExceeded", { detail: "commit-point-full" });
    }
    if (attempt === MAX_ATTEMPTS || Date.now() > lastBeginMs) {
      const stale = new ApiError("InternalError", { detail: "lease-void" });
      logInternal(arrival, action.name, stale);
      return refuse(arrival, head, caller, trail, visit, stale);
    }
  }
}

interface Outcome {
  readonly body: string;
  readonly trail: Trail;
  readonly error: ApiError | null;
}

async function run(
  arrival: Arrival,
  head: RequestHead,
  action: ActionDefinition,
  caller: Caller,
  visit: Visit,
): Promise<Outcome> {
  const trail = new Trail();
  try {
    const region = regionOf(head, visit);
    authorize(action, caller);
    const params = unwrap(parseRequestParams(arrival, head));
    const call: ActionCall = {
      account: caller.principal.account,
      region,
      core: visit.isolate.core,
      trail,
      requestId: arrival.requestId,
      uin: caller.principal.uin,
      dataKeys: visit,
      withKey: (key, work) => withKey(key, work, trail, visit),
      withPair: (operation, text) => withPair(operation, text, trail, visit),
      publicKey: (keyId) => publicKeyOf(caller.principal.account, region, keyId, trail, visit),
    };
    const output = await perform(action.name, params, call);
    return { body: encodeSuccess(arrival.requestId, output), trail, error: null };
  } catch (thrown) {
    const error = toApiError(thrown);
    if (error.code === "InternalError") logInternal(arrival, action.name, error);
    return { body: encodeError(arrival.requestId, error), trail, error };
  }
}

/** Here with a leased key, or else in the bridge. */
async function withKey<T>(
  key: LeasedKey,
  work: KeyWork<T>,
  trail: Trail,
  visit: Visit,
): Promise<T> {
  const { keys, bridgeWork } = visit.isolate;
  const outcome = await keys.use(key, visit, (open) => {
    trail.rely(key, open);
    return work.here(open);
  });
  if (outcome !== proxied) return outcome;
  const { performed, content } = await bridgeWork.perform(key, work.operands(), visit);
  try {
    trail.rely(key, performed);
    if (performed.branch === null) throw new ApiError("InternalError", { detail: "no-branch" });
    return work.byBridge({ ...performed.branch, keyId: key.keyId }, content);
  } finally {
    content.fill(0);
  }
}

const noContext = new Uint8Array(0);

/** With a private key, in the bridge. */
async function withPair(
  operation: PairOperation,
  text: Uint8Array,
  trail: Trail,
  visit: Visit,
): Promise<Uint8Array> {
  const operands = { context: noContext, text };
  const { performed, content } = await visit.isolate.bridgeWork.perform(operation, operands, visit);
  trail.relyOnce(performed);
  return content;
}

async function publicKeyOf(
  account: string,
  region: Region,
  keyId: string,
  trail: Trail,
  visit: Visit,
): Promise<PublicKeyLoan> {
  const read = await visit.readPublicKey({ account, region: region.name, keyId });
  if (!read.ok) throw new ApiError(read.code, { detail: read.reason });
  trail.relyOnce({ leaseId: read.value.leaseId, store: null });
  return read.value;
}

/** The region of a request, which is the default one when it names none. */
function regionOf(head: RequestHead, visit: Visit): Region {
  const { regions, defaultRegion } = visit.isolate.bindings;
  const region = head.region === null ? defaultRegion : regions.get(head.region);
  if (region === undefined) throw new ApiError("UnsupportedRegion", { detail: "unknown-region" });
  return region;
}

/** Hands the record to the commit point; an empty `leaseId` makes it the record of a refusal. */
async function commit(
  arrival: Arrival,
  head: RequestHead,
  caller: Caller,
  trail: Trail,
  error: ApiError | null,
  visit: Visit,
  leaseId: string,
): Promise<number | null> {
  const region = head.region ?? visit.isolate.bindings.defaultRegion.name;
  try {
    const entry = {
      event: auditEventOf(arrival, head, region, caller, trail, error),
      caller: leaseId,
      account: caller.principal.account,
      keys: leaseId === "" ? [] : trail.leases,
      signature: usedSignature(visit.isolate.core, caller, head),
    };
    return await visit.isolate.commit(entry, visit);
  } catch (cause) {
    throw new ApiError("InternalError", { detail: "not-recorded", cause });
  }
}

/** Records and answers a refusal that the commit point itself made. */
async function refuse(
  arrival: Arrival,
  head: RequestHead,
  caller: Caller,
  trail: Trail,
  visit: Visit,
  error: ApiError,
): Promise<string> {
  // The uses happened, but nothing of them is answered.
  const verdict = await commit(arrival, head, caller, trail, error, visit, "");
  if (verdict !== verdicts.recorded) throw new ApiError("RequestLimitExceeded");
  return encodeError(arrival.requestId, error);
}

/** The same words as at the control plane's door. */
function spentSignature(): ApiError {
  return new ApiError("AuthFailure.SignatureExpire", {
    message: "The signature has been used already. Please sign the request again.",
    detail: "replayed-signature",
  });
}

/** One line for operators: what failed and where, never what was being processed. */
export function logInternal(arrival: Arrival, action: string, error: ApiError): void {
  const because = describeCause(error.cause);
  console.error(
    `${arrival.requestId} ${action}: ${error.detail ?? "unexpected"} ${because}`.trim(),
  );
}
