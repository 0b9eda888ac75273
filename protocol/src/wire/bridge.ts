/**
 * The bridge's HTTP API: JSON over mTLS. The subject CN of the client certificate is the role: `control-plane` or
 * `operator`. Every answer is `200 {"ok": …}` or an HTTP error status with `{"error": {"code", "message"}}`; codes below.
 */

import * as v from "valibot";
import { wrappingAlgorithms } from "../actions/kms/key-pairs.ts";
import { callerProof, principal } from "./credential.ts";
import {
  accountId,
  base64Text,
  count,
  edgeGroup,
  edgeId,
  edgeMode,
  epoch,
  keyId,
  keyVersion,
  region,
  secretId,
  storeKind,
  suite,
  timeMs,
  wireError,
} from "./fields.ts";
import { asymmetricKeyUsage } from "./key-pair.ts";
import { leaseLimits } from "./lease.ts";
import { signedMessageSchema } from "./signed-message.ts";

/**
 * Bridge error codes: HTTP status, and whether the same call may succeed later. `not-found` of a lease becomes
 * InvalidCiphertext or InternalError at the control plane, as the purpose demands; `wrong-group` and `not-permitted` of
 * one key send the edge to `operate`.
 */
export const bridgeErrors = {
  "bad-request": { status: 400, mayRetry: false },
  /** The role may not make the call, or the key's edge mode ceiling is below what is asked. */
  "not-permitted": { status: 403, mayRetry: false },
  "not-found": { status: 404, mayRetry: false },
  conflict: { status: 409, mayRetry: false },
  /** The edge's request is forged, replayed, stale, or names what its enrolment does not cover. */
  "edge-refused": { status: 403, mayRetry: false },
  /** Edge, key or account is frozen by an operator. */
  frozen: { status: 403, mayRetry: false },
  /** Branch of another edge group: not leased, but `operate` decrypts with it. */
  "wrong-group": { status: 403, mayRetry: false },
  /** An epoch below one the bridge has seen. */
  "stale-epoch": { status: 409, mayRetry: true },
  /** A proof or operands are sealed to a key that this bridge has not: fetch its sealing key again and seal anew. */
  "sealing-key-changed": { status: 409, mayRetry: true },
  /** The signature does not match the SecretKey. */
  "bad-signature": { status: 403, mayRetry: false },
  /** The key is destroyed, or its version is. */
  destroyed: { status: 410, mayRetry: false },
  /** Destruction before the bridge's own date. */
  "too-early": { status: 409, mayRetry: false },
  /** A stored or presented blob does not open: altered, moved, or from elsewhere. */
  corrupt: { status: 422, mayRetry: false },
  /** A ciphertext does not open: altered, of another context, or no envelope of the key that the request names. */
  "not-authentic": { status: 422, mayRetry: false },
  /** An import token of another key, or one that has ended. */
  "import-token": { status: 409, mayRetry: false },
  /** Wrapped material that does not unwrap, or of the wrong length. */
  "import-rejected": { status: 422, mayRetry: false },
  /** Other material than the key had before. */
  "import-mismatch": { status: 409, mayRetry: false },
  "too-many-failures": { status: 429, mayRetry: true },
  "hsm-unavailable": { status: 503, mayRetry: true },
  internal: { status: 500, mayRetry: true },
} as const;
export type BridgeErrorCode = keyof typeof bridgeErrors;

export const bridgeErrorResponse = v.strictObject({ error: wireError });

/** A sealed SecretKey as the control plane stores it: opaque, opened only by the bridge, bound to SecretId and principal. */
export const sealedSecret = base64Text(1024);

const wrappingAlgorithm = v.picklist(wrappingAlgorithms);

const keyName = { account: accountId, region, keyId };

/** One row per call: method and path, request and response schema, roles that may call it. */
export const bridgeApi = {
  /** Liveness and identity. Never asks the HSM. */
  status: {
    path: "/v1/status",
    roles: ["control-plane", "operator"],
    request: v.strictObject({}),
    response: v.strictObject({
      store: storeKind,
      /** The store's tokens as their circuit breakers have them: only a `closed` one serves. None for the software store. */
      tokens: v.array(
        v.strictObject({
          label: v.string(),
          state: v.picklist(["closed", "open", "half-open"]),
          sinceMs: timeMs,
          reason: v.nullable(v.string()),
          /** Of several tokens: objects and sealed bytes that it has no copy of yet. */
          lacks: count,
        }),
      ),
      generation: count,
      startedAtMs: timeMs,
      /** Ed25519, raw 32 bytes, base64: what edges verify grants with. */
      publicKey: base64Text(44),
      /** `bridgeSealingKey`, signed: what edges seal v1 proofs and operands to until the next start. */
      sealingKey: signedMessageSchema,
      /** Highest epoch counter seen per account in this generation. */
      epochs: v.array(v.strictObject({ account: accountId, counter: count })),
      /** Rises by one with every freeze and unfreeze, and when the ceiling of a key changes. */
      freezesRevision: count,
    }),
  },
  /** Readiness: one real wrap and unwrap in the HSM, at most once a second; refused when that takes 5 s. */
  health: {
    path: "/v1/health",
    roles: ["control-plane", "operator"],
    request: v.strictObject({}),
    response: v.strictObject({ store: storeKind, tookMs: v.number() }),
  },
  /** Calls of the key store since the bridge's start, by method; the start's own are among them. Never asks the store. */
  storeCalls: {
    path: "/v1/store-calls",
    roles: ["operator"],
    request: v.strictObject({}),
    response: v.strictObject({
      sinceMs: timeMs,
      total: count,
      calls: v.record(v.string(), count),
    }),
  },
  /** Makes version 1 of a symmetric key. Idempotent: the same call again answers the same. */
  createKey: {
    path: "/v1/keys/create",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, suite }),
    response: v.strictObject({ version: keyVersion, createdAtMs: timeMs, store: storeKind }),
  },
  /** Makes a key without material, which is imported later (`importMaterial`). Idempotent like `createKey`. */
  createExternalKey: {
    path: "/v1/keys/create-external",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, suite }),
    response: v.strictObject({ createdAtMs: timeMs, store: storeKind }),
  },
  /** Makes an asymmetric key. Idempotent: the same call again answers the same public key. */
  createKeyPair: {
    path: "/v1/keys/create-pair",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, usage: asymmetricKeyUsage }),
    response: v.strictObject({
      version: keyVersion,
      createdAtMs: timeMs,
      store: storeKind,
      /** `publicKeyStatement`, signed. */
      statement: signedMessageSchema,
    }),
  },
  /** Makes an RSA pair to wrap key material with, and a token that names it; both end after 24 hours or three failures. `too-many-failures` for too many. */
  importParameters: {
    path: "/v1/keys/import-parameters",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, algorithm: wrappingAlgorithm }),
    response: v.strictObject({
      /** Opaque to everyone but the bridge. */
      token: base64Text(4096),
      /** SubjectPublicKeyInfo in DER, base64. */
      publicKey: base64Text(1024),
      validToMs: timeMs,
    }),
  },
  /**
   * Takes wrapped material in: as version 1 of a key that has none, or as a proof of what it has. `import-token` for a token that
   * is not this key's or has ended, `import-rejected` for material that does not unwrap or has another length, `import-mismatch` for
   * other material than before, `too-many-failures` while there were too many of these.
   */
  importMaterial: {
    path: "/v1/keys/import-material",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, token: base64Text(4096), material: base64Text(2048) }),
    response: v.strictObject({ version: keyVersion, store: storeKind }),
  },
  /** Destroys imported material at once. The key stays, and so do wrapped branch keys: the same material opens them again. */
  deleteMaterial: {
    path: "/v1/keys/delete-material",
    roles: ["control-plane", "operator"],
    request: v.strictObject(keyName),
    response: v.strictObject({}),
  },
  /** Gives up a key whose creation the control plane never acknowledged: refused once a branch key exists under it. */
  abandonKey: {
    path: "/v1/keys/abandon",
    roles: ["control-plane"],
    request: v.strictObject(keyName),
    response: v.strictObject({}),
  },
  /**
   * Makes the next version of a symmetric key; branch keys for encryption are of the newest. `version` is the number the
   * caller expects it to get: when the key has reached that number already, nothing is made and the newest is answered, so a
   * call whose answer was lost may be repeated. `conflict` when the key is more than one version behind.
   */
  rotateKey: {
    path: "/v1/keys/rotate",
    roles: ["control-plane"],
    request: v.strictObject({ ...keyName, version: keyVersion }),
    response: v.strictObject({ version: keyVersion, createdAtMs: timeMs, store: storeKind }),
  },
  /** Records a date of destruction, at least 7 days after now; an earlier recorded date stays if it is later. */
  scheduleDestruction: {
    path: "/v1/keys/schedule-destruction",
    roles: ["control-plane", "operator"],
    request: v.strictObject({ ...keyName, notBeforeMs: timeMs }),
    response: v.strictObject({ notBeforeMs: timeMs }),
  },
  cancelDestruction: {
    path: "/v1/keys/cancel-destruction",
    roles: ["control-plane", "operator"],
    request: v.strictObject(keyName),
    response: v.strictObject({}),
  },
  /** Destroys every version and wrapped branch key. `too-early` before the recorded date, `conflict` without one. */
  destroyKey: {
    path: "/v1/keys/destroy",
    roles: ["control-plane", "operator"],
    request: v.strictObject(keyName),
    response: v.strictObject({ versions: count, branches: count }),
  },
  /** Opens and seals branch keys for an edge. `permitted` has the indexes the control plane authorises. */
  lease: {
    path: "/v1/leases",
    roles: ["control-plane"],
    request: v.strictObject({
      request: signedMessageSchema,
      permitted: v.array(v.strictObject({ index: count, epoch, limits: leaseLimits })),
    }),
    response: v.strictObject({
      results: v.array(
        v.union([
          v.strictObject({ index: count, grant: signedMessageSchema }),
          v.strictObject({ index: count, error: wireError }),
        ]),
      ),
    }),
  },
  /** Performs one operation for an edge: `request` as the edge signed it, which the control plane authorises like a lease. */
  operate: {
    path: "/v1/operations",
    roles: ["control-plane"],
    request: v.strictObject({
      request: signedMessageSchema,
      epoch,
      maxUnacknowledged: leaseLimits.entries.maxUnacknowledged,
    }),
    response: v.strictObject({ result: signedMessageSchema }),
  },
  /** Makes an access key. The SecretKey passes once; with the role `operator` (first start) the control plane never sees it. */
  createCredential: {
    path: "/v1/credentials/create",
    roles: ["control-plane", "operator"],
    request: v.strictObject({ principal }),
    response: v.strictObject({
      secretId,
      secretKey: v.pipe(v.string(), v.length(32)),
      sealed: sealedSecret,
    }),
  },
  /** A SecretKey sealed anew, by every token that there is now. */
  resealCredential: {
    path: "/v1/credentials/reseal",
    roles: ["control-plane"],
    request: v.strictObject({ secretId, principal, sealed: sealedSecret }),
    response: v.strictObject({ sealed: sealedSecret }),
  },
  /** Is this signature the SecretKey's over one of these strings? For calls at the control plane's own door. */
  verifyCredential: {
    path: "/v1/credentials/verify",
    roles: ["control-plane"],
    request: v.strictObject({ proof: callerProof, principal, sealed: sealedSecret }),
    response: v.strictObject({ valid: v.boolean() }),
  },
  /** The same for an edge: the answer is signed, and for TC3 may lease kSigning. `bad-signature` when it does not match. */
  leaseCredential: {
    path: "/v1/credentials/lease",
    roles: ["control-plane"],
    request: v.strictObject({
      request: signedMessageSchema,
      principal,
      sealed: sealedSecret,
      epoch,
      limits: leaseLimits,
    }),
    response: v.strictObject({ grant: signedMessageSchema }),
  },
  /** Bytes from the store's generator, 1–1024. */
  random: {
    path: "/v1/random",
    roles: ["control-plane", "operator"],
    request: v.strictObject({
      bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1024)),
    }),
    response: v.strictObject({ random: base64Text(1368) }),
  },
  /** Enrolled edges with their public keys (nothing secret). */
  listEdges: {
    path: "/v1/edges/list",
    roles: ["control-plane", "operator"],
    request: v.strictObject({}),
    response: v.strictObject({
      edges: v.array(
        v.strictObject({
          edge: edgeId,
          /** Ed25519, raw 32 bytes, base64. */
          publicKey: base64Text(44),
          accounts: v.array(accountId),
          regions: v.array(region),
          group: edgeGroup,
          enrolledAtMs: timeMs,
          frozen: v.boolean(),
        }),
      ),
    }),
  },
  /** Enrols an edge, or repeats an identical enrolment. Another key or scope under a known name: `conflict`. */
  enrollEdge: {
    path: "/v1/edges/enroll",
    roles: ["operator"],
    request: v.strictObject({
      edge: edgeId,
      publicKey: base64Text(44),
      accounts: v.pipe(v.array(accountId), v.minLength(1)),
      regions: v.pipe(v.array(region), v.minLength(1)),
      group: edgeGroup,
    }),
    response: v.strictObject({}),
  },
  /** Stops every lease for an edge, a key or an account, whatever the control plane says. `id` of a key: its UUID. */
  freeze: {
    path: "/v1/freezes/freeze",
    roles: ["operator"],
    request: v.strictObject({
      kind: v.picklist(["edge", "key", "account"]),
      id: v.pipe(v.string(), v.maxLength(64)),
      reason: v.pipe(v.string(), v.maxLength(256)),
    }),
    response: v.strictObject({}),
  },
  unfreeze: {
    path: "/v1/freezes/unfreeze",
    roles: ["operator"],
    request: v.strictObject({
      kind: v.picklist(["edge", "key", "account"]),
      id: v.pipe(v.string(), v.maxLength(64)),
    }),
    response: v.strictObject({}),
  },
  listFreezes: {
    path: "/v1/freezes/list",
    roles: ["control-plane", "operator"],
    request: v.strictObject({}),
    response: v.strictObject({
      /** The `freezesRevision` at which this is the list. */
      revision: count,
      freezes: v.array(
        v.strictObject({
          kind: v.picklist(["edge", "key", "account"]),
          id: v.string(),
          reason: v.string(),
          frozenAtMs: timeMs,
        }),
      ),
    }),
  },
  /**
   * The most that edges may do with a key, whatever the control plane says: `lease` (every key's at first), `proxy`, or
   * `deny`. Leases that are out end by themselves.
   */
  setEdgeModeCeiling: {
    path: "/v1/edge-mode-ceilings/set",
    roles: ["operator"],
    request: v.strictObject({ keyId, ceiling: edgeMode }),
    response: v.strictObject({}),
  },
  /** Keys whose ceiling is not `lease`. */
  listEdgeModeCeilings: {
    path: "/v1/edge-mode-ceilings/list",
    roles: ["operator"],
    request: v.strictObject({}),
    response: v.strictObject({
      ceilings: v.array(v.strictObject({ keyId, ceiling: edgeMode })),
    }),
  },
  /** The bridge's own log, newest last: which branch keys went to which edge, what was made, frozen, destroyed. */
  readLog: {
    path: "/v1/log",
    roles: ["operator"],
    request: v.strictObject({
      afterSeq: count,
      limit: v.pipe(count, v.minValue(1), v.maxValue(1000)),
    }),
    response: v.strictObject({
      entries: v.array(
        v.strictObject({
          seq: count,
          timeMs,
          event: v.string(),
          role: v.string(),
          details: v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])),
        }),
      ),
    }),
  },
} as const;

export type BridgeCall = keyof typeof bridgeApi;
export type BridgeRequest<C extends BridgeCall> = v.InferInput<(typeof bridgeApi)[C]["request"]>;
export type BridgeResponse<C extends BridgeCall> = v.InferOutput<(typeof bridgeApi)[C]["response"]>;
export type BridgeRole = "control-plane" | "operator";
