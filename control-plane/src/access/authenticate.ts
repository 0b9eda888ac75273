/**
 * Who calls at this door. The signature is read here and judged by the bridge: strings to sign and signature go in, yes or
 * no comes out; no SecretKey is ever in this process.
 */

import { createHash } from "node:crypto";
import {
  ApiError,
  type CallerProof,
  type Principal,
  parseTc3,
  parseV1,
  type RequestHead,
  type RequestParts,
  unwrap,
} from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { BridgeError } from "../bridge/errors.ts";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { findAccessKey } from "../db/queries/access-keys.ts";
import type { Edge } from "../edges/directory.ts";

/** A caller whose signature is true. */
export interface Caller {
  readonly principal: Principal;
  readonly secretId: string;
  readonly method: CallerProof["method"];
  readonly signature: string;
  /** Whether the parameters are under the signature and can be read in one way only. */
  readonly isPayloadSigned: boolean;
}

export interface Authentication {
  readonly database: Database;
  readonly bridge: Pick<Bridge, "call">;
  readonly clock: Clock;
}

/** The edge on whose word a call came. */
export type Forwarder = Pick<Edge, "edge" | "accounts">;

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/**
 * Errors: those of `parseTc3` and `parseV1`; `AuthFailure.TokenFailure` (there are no temporary credentials yet);
 * `AuthFailure.SecretIdNotFound` (unknown or inactive); `AuthFailure.SignatureFailure`; `UnauthorizedOperation` (an operator
 * froze the account at the bridge, or the account revoked the edge that forwards).
 *
 * @param forwarder for a forwarded call: the edge that vouches for it, for callers of its own accounts only.
 * @throws ApiError, or a BridgeError when the bridge cannot judge.
 */
export async function authenticate(
  { database, bridge, clock }: Authentication,
  head: RequestHead,
  request: RequestParts,
  forwarder: Forwarder | null,
): Promise<Caller> {
  const { proof, isPayloadSigned } = readProof(head, request, Math.floor(clock() / 1000));
  if (head.token !== null) throw new ApiError("AuthFailure.TokenFailure");
  const key = await database.read((db) =>
    findAccessKey(db, proof.secretId, forwarder?.edge ?? null),
  );
  const isCovered = forwarder === null || forwarder.accounts.has(key?.principal.account ?? "");
  if (key === null || !key.isActive || !isCovered) {
    throw new ApiError("AuthFailure.SecretIdNotFound");
  }
  if (key.isEdgeRevoked) throw new ApiError("UnauthorizedOperation", { detail: "revoked edge" });
  const { principal, sealed } = key;
  const { valid } = await bridge
    .call("verifyCredential", { proof, principal, sealed })
    .catch((error: unknown) => {
      const isFrozen = error instanceof BridgeError && error.code === "frozen";
      throw isFrozen ? new ApiError("UnauthorizedOperation", { detail: "frozen account" }) : error;
    });
  if (!valid) throw new ApiError("AuthFailure.SignatureFailure");
  return {
    principal,
    secretId: proof.secretId,
    method: proof.method,
    signature: proof.signature,
    isPayloadSigned,
  };
}

function readProof(
  head: RequestHead,
  request: RequestParts,
  nowSeconds: number,
): { proof: CallerProof; isPayloadSigned: boolean } {
  if (head.scheme === "tc3") {
    const tc3 = unwrap(parseTc3(request, nowSeconds, sha256));
    return {
      proof: {
        secretId: tc3.secretId,
        method: "TC3-HMAC-SHA256",
        date: tc3.date,
        service: tc3.service,
        stringsToSign: [...tc3.stringsToSign],
        signature: tc3.signature,
      },
      isPayloadSigned: tc3.isPayloadSigned,
    };
  }
  if (head.fields === null) throw new ApiError("InvalidRequest");
  const v1 = unwrap(parseV1(request, head.fields, nowSeconds));
  return {
    proof: {
      secretId: v1.secretId,
      method: v1.method,
      date: "",
      service: "",
      stringsToSign: [...v1.stringsToSign],
      signature: v1.signature,
    },
    isPayloadSigned: !v1.isAmbiguous,
  };
}
