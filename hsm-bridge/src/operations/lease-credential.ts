/** Verifies a caller for an edge and, for TC3, leases kSigning of that day and service (protocol.md "A caller's credential"). */

import {
  type BridgeRequest,
  type CallerProof,
  type CredentialRequest,
  hexEncode,
  signedMessageTypes,
} from "@edge-kms/protocol";
import type { Bridge, Operation } from "../bridge.ts";
import { wipe } from "../bytes.ts";
import { admitEdgeRequest, type EdgeRequest, frozen, refused } from "../edge-request.ts";
import { checkEpoch } from "../epoch-rule.ts";
import { BridgeError } from "../errors.ts";
import { capLimits } from "../limits.ts";
import { raiseEpoch } from "../registry/epochs.ts";
import { isFrozen } from "../registry/freezes.ts";
import { appendLog } from "../registry/log.ts";
import { sealToEdge } from "../seal-to-edge.ts";
import { checkProof } from "./check-proof.ts";
import { openProof } from "./open-proof.ts";

type Input = BridgeRequest<"leaseCredential">;

/** The contract's tolerance around a request's timestamp, hence around its day (API 3.0 signature v3). */
const TIMESTAMP_TOLERANCE_MS = 300_000;
const DAY_MS = 86_400_000;

export const leaseCredential: Operation<"leaseCredential"> = async (bridge, input) => {
  const request = admitEdgeRequest(bridge, "credential", input.request);
  try {
    const { principal } = input;
    const { instance } = request.payload;
    const proof = await openProof(bridge, request.payload);
    check(bridge, request, input, proof);
    const signingKey = await checkProof(bridge, proof, principal, input.sealed);
    if (signingKey === null) {
      throw new BridgeError("bad-signature", "The signature does not match.");
    }
    try {
      checkNotFrozen(bridge, principal.account);
      const leaseId = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
      const mayLease =
        proof.method === "TC3-HMAC-SHA256" &&
        (principal.type !== "root" || bridge.leaseRootCredentials);
      const sealed = mayLease
        ? await sealToEdge(
            request.hpkePublicKey,
            signingKey,
            signedMessageTypes.credentialGrant,
            request.requestHash,
            leaseId,
          )
        : null;
      const notBeforeMs = bridge.clock();
      const limits = capLimits(input.limits, bridge.caps);
      const expiresAtMs = Math.min(notBeforeMs + limits.expiresAfterMs, lastUseOf(proof.date));
      const grant = {
        requestHash: request.requestHash,
        edge: request.edge.edge,
        instance,
        leaseId,
        secretId: proof.secretId,
        date: proof.date,
        service: proof.service,
        principal,
        notBeforeMs,
        refreshAtMs: Math.min(notBeforeMs + limits.refreshAfterMs, expiresAtMs),
        expiresAtMs,
        maxUnacknowledged: limits.maxUnacknowledged,
        epoch: { generation: input.epoch.generation, counter: input.epoch.counter },
        sealed,
      };
      await bridge.database.commit(() => {
        check(bridge, request, input, proof);
        checkNotFrozen(bridge, principal.account);
        raiseEpoch(bridge.database, principal.account, input.epoch.counter);
        request.remember();
        appendLog(bridge.database, bridge.clock(), "credential-leased", "control-plane", {
          edge: request.edge.edge,
          instance,
          secretId: proof.secretId,
          account: principal.account,
          uin: principal.uin,
          date: proof.date,
          service: proof.service,
          isKeyLeased: sealed !== null,
          leaseId,
          expiresAtMs,
        });
      });
      return { grant: bridge.identity.sign(signedMessageTypes.credentialGrant, grant) };
    } finally {
      wipe(signingKey);
    }
  } finally {
    request.release();
  }
};

/** Asked before the SecretKey is opened, and again in the commit that lets the grant out. */
function check(
  bridge: Bridge,
  request: EdgeRequest<CredentialRequest>,
  input: Input,
  { date }: CallerProof,
): void {
  const { account } = input.principal;
  if (!request.edge.accounts.includes(account)) throw refused("account out of scope");
  if (isFrozen(bridge.database, "edge", request.edge.edge)) throw frozen("edge");
  checkEpoch(bridge, account, input.epoch);
  if (date !== "" && !isCurrentDay(date, bridge.clock())) {
    throw new BridgeError("bad-signature", "The signature is of another day.");
  }
}

/** Asked only after the proof: who merely knows a SecretId is told of no freeze. */
function checkNotFrozen(bridge: Bridge, account: string): void {
  if (isFrozen(bridge.database, "account", account)) throw frozen("account");
}

function isCurrentDay(date: string, nowMs: number): boolean {
  const startMs = Date.parse(`${date}T00:00:00Z`);
  return (
    nowMs >= startMs - TIMESTAMP_TOLERANCE_MS && nowMs < startMs + DAY_MS + TIMESTAMP_TOLERANCE_MS
  );
}

/** No signature of a day is good later than this; v1 has no day and is vouched for once. */
function lastUseOf(date: string): number {
  return date === ""
    ? Number.MAX_SAFE_INTEGER
    : Date.parse(`${date}T00:00:00Z`) + DAY_MS + TIMESTAMP_TOLERANCE_MS;
}
