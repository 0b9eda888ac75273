/**
 * One call of an action of this door: authenticate → parse → authorise → act → record → answer. A caller that is known is
 * never answered without a record: of a change in the transaction that makes it, of anything else before the answer leaves.
 */

import {
  ApiError,
  type AuditEvent,
  parseRequestParams,
  type RequestHead,
  type RequestParts,
  toApiError,
  unwrap,
} from "@edge-kms/protocol";
import { authenticate, type Caller, type Forwarder } from "../access/authenticate.ts";
import { authorize } from "../access/authorize.ts";
import {
  claimSignature,
  type SignatureClaim,
  spendSignature,
  spentSignature,
} from "../access/replay.ts";
import { requireSignedPayload } from "../access/signed-payload.ts";
import type { Clock } from "../clock.ts";
import { DatabaseError } from "../db/index.ts";
import { insertCallEvent } from "../db/queries/events.ts";
import { type Region, requireRegion } from "../regions.ts";
import type { ControlAction } from "./action.ts";
import type { ActionServices, Call } from "./call.ts";

/** A request for one action, as it reached this door. */
export interface IncomingCall {
  readonly requestId: string;
  readonly head: RequestHead;
  readonly parts: RequestParts;
  /** The caller's address as the socket or a trusted forwarder has it; empty when unknown. */
  readonly sourceAddress: string;
  /** The edge that forwarded the call; null for one that came by itself. */
  readonly forwarder: Forwarder | null;
}

export interface Dispatcher {
  readonly services: ActionServices;
  readonly clock: Clock;
}

/** What became of a call, for the log. */
export interface Outcome {
  readonly uin: string | undefined;
  readonly result:
    | { readonly ok: true; readonly output: object }
    | { readonly ok: false; readonly error: ApiError };
}

export async function dispatch(
  dispatcher: Dispatcher,
  action: ControlAction,
  incoming: IncomingCall,
): Promise<Outcome> {
  const { services, clock } = dispatcher;
  const { head, parts, forwarder } = incoming;
  let caller: Caller;
  try {
    caller = await authenticate({ ...services, clock }, head, parts, forwarder);
  } catch (error) {
    return { uin: undefined, result: { ok: false, error: toApiError(error) } };
  }

  const nowMs = clock();
  const claim: SignatureClaim = {
    caller,
    head,
    isStateChange: action.definition.kind === "write",
    reuseMs: services.signatureReuseMs,
  };
  const record = createRecord(dispatcher, incoming, caller, claim, nowMs);
  const { uin } = caller.principal;
  try {
    const output = await perform(dispatcher, action, incoming, caller, record, nowMs);
    await record.finish();
    return { uin, result: { ok: true, output } };
  } catch (thrown) {
    const error = toApiError(thrown);
    const told = await record
      .refuse(error)
      .catch((cause: unknown) => new ApiError("InternalError", { cause }));
    return { uin, result: { ok: false, error: told } };
  }
}

async function perform(
  { services }: Dispatcher,
  action: ControlAction,
  { head, parts }: IncomingCall,
  caller: Caller,
  record: CallRecord,
  nowMs: number,
): Promise<object> {
  const { definition, isRegionless } = action;
  requireSignedPayload(definition, caller);
  const region = isRegionless ? noRegion : requireRegion(services.regions, head.region);
  if (!isRegionless) record.noteRegion(region.name);
  const parsed = action.read(unwrap(parseRequestParams(parts, head)));
  parsed.keyIds.forEach(record.noteKey);
  const { principal } = caller;
  authorize({ principal, action: definition, region: head.region, keyIds: parsed.keyIds });
  const output = await parsed.act({
    services,
    principal,
    secretId: caller.secretId,
    region,
    scope: { account: principal.account, region: region.name },
    nowMs,
    noteKey: record.noteKey,
    change: record.change,
    prepare: record.prepare,
  });
  if (definition.kind === "write" && !record.isWritten()) {
    throw new TypeError(`${definition.name} answered without having recorded its change`);
  }
  return output;
}

/** For actions that do not look at the region: matches nothing. */
const noRegion: Region = { name: "", suite: "AES_256" };

interface CallRecord extends Pick<Call, "noteKey" | "change" | "prepare"> {
  /** The region that serves the call, which need not be one that it names. */
  noteRegion(name: string): void;
  isWritten(): boolean;
  /** Records the success of a call that has made no change. */
  finish(): Promise<void>;
  /**
   * Records a refusal; a refused state change has used up its signature as well. Returns what the caller is told: of a
   * spent signature that, and nothing of what the call would have come to.
   */
  refuse(error: ApiError): Promise<ApiError>;
}

function createRecord(
  { services: { database } }: Dispatcher,
  incoming: IncomingCall,
  caller: Caller,
  claim: SignatureClaim,
  nowMs: number,
): CallRecord {
  const keyIds: string[] = [];
  let region = incoming.head.region ?? "";
  let isClaimed = false;
  let isWritten = false;
  const event = (error: ApiError | null): AuditEvent =>
    auditEvent(incoming, caller, region, keyIds, error, nowMs);

  return {
    noteKey: (keyId) => void keyIds.push(keyId),
    noteRegion: (name) => {
      region = name;
    },
    isWritten: () => isWritten,
    async prepare(work) {
      const result = await database.transaction(async (tx) => {
        await claimSignature(tx, claim, nowMs);
        return work(tx);
      });
      isClaimed = true;
      return result;
    },
    async change(work) {
      if (isWritten) throw new TypeError("a call makes its change once");
      const result = await database.transaction(async (tx) => {
        if (!isClaimed) await claimSignature(tx, claim, nowMs);
        const value = await work(tx);
        await insertCallEvent(tx, event(null));
        return value;
      });
      isClaimed = true;
      isWritten = true;
      return result;
    },
    async finish() {
      if (isWritten) return;
      await database.transaction(async (tx) => {
        await claimSignature(tx, claim, nowMs);
        await insertCallEvent(tx, event(null));
      });
    },
    async refuse(error) {
      return database.transaction(async (tx) => {
        const isSpent = !isClaimed && !(await spendSignature(tx, claim, nowMs));
        // After a commit in doubt it may be this call itself that has spent it.
        const isOwn = !isSpent || isInDoubt(error);
        const told = isOwn ? error : spentSignature();
        await insertCallEvent(tx, event(told));
        return told;
      });
    },
  };
}

/** Longest texts of an event (protocol/src/wire/audit.ts). */
const maxUserAgent = 256;
const maxRequestClient = 128;

function auditEvent(
  { requestId, head, parts, sourceAddress }: IncomingCall,
  { principal, secretId, method }: Caller,
  region: string,
  keyIds: readonly string[],
  error: ApiError | null,
  nowMs: number,
): AuditEvent {
  return {
    requestId,
    timeMs: nowMs,
    service: head.service,
    apiVersion: head.version,
    action: head.action,
    region,
    account: principal.account,
    uin: principal.uin,
    principalType: principal.type,
    secretId,
    sourceAddress,
    userAgent: (parts.headers.get("user-agent") ?? "").slice(0, maxUserAgent),
    requestClient: (head.requestClient ?? "").slice(0, maxRequestClient),
    signatureMethod: method,
    errorCode: error?.code ?? "",
    reason: error === null ? "" : reasonOf(error),
    keyIds: [...keyIds],
    uses: [],
    store: null,
  };
}

/** Whether the call's own change may have been made, for all that the database said. */
function isInDoubt({ cause }: ApiError): boolean {
  return cause instanceof DatabaseError && cause.kind === "in-doubt";
}

function reasonOf({ code }: ApiError): string {
  if (code === "UnauthorizedOperation") return "denied";
  return code === "InternalError" ? "failed" : "refused";
}
