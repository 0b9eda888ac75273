/**
 * Audit records of an edge instance (design §4 "Commit point"). One record has one encoding: the JSON text of its fields
 * in the order below, no white space. Its hash is SHA-256 of those bytes; each record carries the hash of the one before
 * it, and a sequence number that starts at 1 with each instance. No plaintext, key, token or secret has a field here.
 */

import * as v from "valibot";
import { utf8DecodeStrict, utf8Encode } from "../bytes.ts";
import { principalType } from "./credential.ts";
import {
  accountId,
  branchId,
  count,
  edgeId,
  hexOf,
  instanceId,
  keyId,
  keyVersion,
  storeKind,
  timeMs,
  uin,
  wireError,
} from "./fields.ts";
import { requestOrigin } from "./lease.ts";

const text = (max: number) => v.pipe(v.string(), v.maxLength(max));

/** One use of one branch key inside a call; ReEncrypt has two. */
export const keyUse = v.strictObject({
  use: v.picklist(["encrypt", "decrypt"]),
  keyId,
  version: keyVersion,
  branch: branchId,
});

/** The longest batch of an action (contract §3.3). */
const MAX_AUDIT_KEY_IDS = 100;

/** What a front door says of one call. The order of these fields is the order of the encoding. */
export const auditEvent = v.strictObject({
  requestId: text(36),
  timeMs,
  service: text(16),
  apiVersion: text(10),
  action: text(64),
  region: text(41),
  account: accountId,
  uin,
  principalType,
  secretId: text(64),
  sourceAddress: text(64),
  userAgent: text(256),
  requestClient: text(128),
  signatureMethod: text(16),
  /** The contract's error code, empty when the call succeeded. */
  errorCode: text(128),
  /** Why, for operators: a closed word such as `tag`, `commitment`, `unknown-branch`; empty when it succeeded. */
  reason: text(64),
  /** Key ids that the caller named or the ciphertext named. */
  keyIds: v.pipe(v.array(text(64)), v.maxLength(MAX_AUDIT_KEY_IDS)),
  uses: v.pipe(v.array(keyUse), v.maxLength(2)),
  store: v.nullable(storeKind),
});
export type AuditEvent = v.InferOutput<typeof auditEvent>;

/** An event in its place in an instance's chain. */
export const auditRecord = v.strictObject({
  v: v.literal(1),
  edge: edgeId,
  instance: instanceId,
  seq: v.pipe(count, v.minValue(1)),
  /** Hash of the record before; 64 zeros for the first. */
  prev: hexOf(32),
  event: auditEvent,
});
export type AuditRecord = v.InferOutput<typeof auditRecord>;

/** `prev` of an instance's first record. */
export const AUDIT_CHAIN_START = "0".repeat(64);

/** Record size limit in bytes of its encoding: 100 key ids take half of it. */
export const MAX_AUDIT_RECORD_BYTES = 8192;

/**
 * The text of an event inside its record. Split from {@link encodeAuditRecord} so that the isolate that ran the call
 * serialises it and the instance only adds its place in the chain.
 */
export function encodeAuditEvent(event: AuditEvent): string {
  const { keyIds, uses } = event;
  return JSON.stringify({
    requestId: event.requestId,
    timeMs: event.timeMs,
    service: event.service,
    apiVersion: event.apiVersion,
    action: event.action,
    region: event.region,
    account: event.account,
    uin: event.uin,
    principalType: event.principalType,
    secretId: event.secretId,
    sourceAddress: event.sourceAddress,
    userAgent: event.userAgent,
    requestClient: event.requestClient,
    signatureMethod: event.signatureMethod,
    errorCode: event.errorCode,
    reason: event.reason,
    keyIds,
    uses: uses.map(({ use, keyId, version, branch }) => ({ use, keyId, version, branch })),
    store: event.store,
  });
}

/** The one encoding of a record: UTF-8 bytes. `eventText` comes from {@link encodeAuditEvent}. */
export function encodeAuditRecord(
  place: Pick<AuditRecord, "edge" | "instance" | "seq" | "prev">,
  eventText: string,
): Uint8Array<ArrayBuffer> {
  return utf8Encode(
    `{"v":1,"edge":"${place.edge}","instance":"${place.instance}","seq":${place.seq},"prev":"${place.prev}","event":${eventText}}`,
  );
}

/**
 * Reads a record and insists on its one encoding. Returns null when the bytes are no record, have an unknown field, or
 * are not exactly what {@link encodeAuditRecord} would write.
 */
export function decodeAuditRecord(bytes: Uint8Array): AuditRecord | null {
  if (bytes.length > MAX_AUDIT_RECORD_BYTES) return null;
  const text = utf8DecodeStrict(bytes);
  if (text === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = v.safeParse(auditRecord, json);
  if (!parsed.success) return null;
  const again = encodeAuditRecord(parsed.output, encodeAuditEvent(parsed.output.event));
  return utf8DecodeStrict(again) === text ? parsed.output : null;
}

/** At most so many records in one delivery. */
export const MAX_DELIVERED_RECORDS = 500;

/**
 * Payload of `edge-kms/audit-delivery/1`: records of one instance in order, without gaps among themselves. `of` may be an
 * earlier incarnation whose outbox the present one found. Delivered at least once; the receiver drops what it has.
 */
export const auditDelivery = v.strictObject({
  ...requestOrigin,
  of: instanceId,
  /** Encoded records as text. */
  records: v.pipe(
    v.array(text(MAX_AUDIT_RECORD_BYTES)),
    v.minLength(1),
    v.maxLength(MAX_DELIVERED_RECORDS),
  ),
});
export type AuditDelivery = v.InferOutput<typeof auditDelivery>;

/** `POST /edge/v1/audit` on the control plane: everything up to this sequence number of `of` is stored durably. */
export const auditDeliveryResponse = v.union([
  v.strictObject({ acknowledgedSeq: count }),
  v.strictObject({ error: wireError }),
]);
export type AuditDeliveryResponse = v.InferOutput<typeof auditDeliveryResponse>;

/** At most so many instances in one message. */
export const MAX_SETTLED_INSTANCES = 100;

/**
 * Payload of `edge-kms/audit-settled/1`: earlier incarnations on the sender's storage of which nothing waits any more. The
 * sender is their successor, so none of them can record another call.
 */
export const auditSettled = v.strictObject({
  ...requestOrigin,
  settled: v.pipe(v.array(instanceId), v.minLength(1), v.maxLength(MAX_SETTLED_INSTANCES)),
});
export type AuditSettled = v.InferOutput<typeof auditSettled>;

/** `POST /edge/v1/audit/settled` on the control plane: it is written down, or is no news. */
export const auditSettledResponse = v.union([
  v.strictObject({ accepted: v.literal(true) }),
  v.strictObject({ error: wireError }),
]);
