/**
 * Who calls. TC3 signatures are checked here with a leased kSigning; a caller not met yet, and every v1 signature, goes to
 * the bridge, which alone opens SecretKeys. Nothing about a request is believed, and no body parsed, before this.
 */

import {
  ApiError,
  type CallerProof,
  callerProof,
  hexDecode,
  type Principal,
  parseTc3,
  parseV1,
  type RequestHead,
  type RequestParts,
  unwrap,
  utf8Encode,
} from "@edge-kms/protocol";
import type { Core, HmacKey } from "@edge-kms/wasm-core";
import * as v from "valibot";
import type { Answer, CallerLoan, CallerQuestion } from "../instance/messages.ts";
import { isolateSealInfo, open, type SealingKey } from "../signing/sealing.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** A caller whose signature is true. */
export interface Caller {
  readonly principal: Principal;
  readonly secretId: string;
  readonly method: CallerProof["method"];
  /** As sent; with the SecretId it identifies the request for the replay memory. */
  readonly signature: string;
  readonly timestampSeconds: number;
  /** Whether the signature covers the parameters, in one way of reading them only. */
  readonly isPayloadSigned: boolean;
  /** The credential lease that the commit point checks. */
  readonly leaseId: string;
}

/** What a request lends to ask the instance with. */
export interface CallerDoor {
  lendCaller(question: CallerQuestion): Promise<Answer<CallerLoan>>;
  waitUntil(work: Promise<unknown>): void;
}

interface Claim extends Omit<Caller, "principal" | "leaseId"> {
  readonly proof: CallerProof;
  /** Of the signing key; null for v1, which has none that is less than the SecretKey. */
  readonly scope: string | null;
}

export class Authentication {
  readonly #core: Core;
  readonly #keys: SigningKeys;
  readonly #sealingKey: () => Promise<SealingKey>;
  readonly #refreshing = new Set<string>();

  constructor(core: Core, keys: SigningKeys, sealingKey: () => Promise<SealingKey>) {
    this.#core = core;
    this.#keys = keys;
    this.#sealingKey = sealingKey;
  }

  /**
   * The caller of a request. @throws ApiError with an AuthFailure code, or InternalError when the bridge is not reached.
   *
   * @param staleLease a credential lease that the commit point found void.
   */
  async authenticate(
    parts: RequestParts,
    head: RequestHead,
    door: CallerDoor,
    staleLease: string | null,
  ): Promise<Caller> {
    // Temporary credentials come with a later issue; a token must not be ignored.
    if (head.token !== null) throw new ApiError("AuthFailure.TokenFailure");
    const claim = this.#claim(parts, head);
    const now = Date.now();
    const known = claim.scope === null ? null : this.#keys.find(claim.scope, now);
    if (known === null || known.leaseId === staleLease) return this.#meet(claim, door, staleLease);
    if (!isSignedWith(known.handle, claim.proof))
      throw new ApiError("AuthFailure.SignatureFailure");
    if (now >= known.refreshAtMs) this.#refresh(claim, door);
    return callerOf(claim, known.principal, known.leaseId);
  }

  #claim(parts: RequestParts, head: RequestHead): Claim {
    const nowSeconds = Math.floor(Date.now() / 1000);
    if (head.scheme === "tc3") {
      const tc3 = unwrap(parseTc3(parts, nowSeconds, this.#core.sha256));
      const { secretId, date, service, signature, stringsToSign, timestampSeconds } = tc3;
      return {
        secretId,
        method: "TC3-HMAC-SHA256",
        signature,
        timestampSeconds,
        isPayloadSigned: tc3.isPayloadSigned,
        scope: `${secretId}/${date}/${service}`,
        proof: {
          secretId,
          method: "TC3-HMAC-SHA256",
          date,
          service,
          stringsToSign: [...stringsToSign],
          signature,
        },
      };
    }
    const v1 = unwrap(parseV1(parts, head.fields ?? new Map(), nowSeconds));
    const { secretId, method, signature, stringsToSign, timestampSeconds } = v1;
    return {
      secretId,
      method,
      signature,
      timestampSeconds,
      isPayloadSigned: !v1.isAmbiguous,
      scope: null,
      proof: {
        secretId,
        method,
        date: "",
        service: "",
        stringsToSign: [...stringsToSign],
        signature,
      },
    };
  }

  /** Asks the instance, which asks the bridge when it has to. */
  async #meet(claim: Claim, door: CallerDoor, staleLease: string | null): Promise<Caller> {
    // The wire is stricter about SecretIds than the parser: none of another form was ever given out.
    if (!v.is(callerProof, claim.proof)) throw new ApiError("AuthFailure.SecretIdNotFound");
    const sealingKey = await this.#sealingKey();
    const answer = await door.lendCaller({
      proof: claim.proof,
      isolateKey: sealingKey.publicKey,
      staleLease,
    });
    if (!answer.ok) throw new ApiError(answer.code, { detail: answer.reason });
    const loan = answer.value;
    if (claim.scope === null || loan.sealed === null) {
      // The bridge has checked this very signature.
      return callerOf(claim, loan.principal, loan.leaseId);
    }
    const bytes = await open(sealingKey, loan.sealed, isolateSealInfo, loan.leaseId);
    if (bytes === null) throw new ApiError("InternalError", { detail: "loan-does-not-open" });
    try {
      this.#keys.add(claim.scope, loan, bytes);
    } finally {
      bytes.fill(0);
    }
    // The instance may have had the key already, and then nobody has looked at this signature yet.
    const known = this.#keys.find(claim.scope, Date.now());
    if (known === null) throw new ApiError("InternalError", { detail: "lease-too-short" });
    if (!isSignedWith(known.handle, claim.proof))
      throw new ApiError("AuthFailure.SignatureFailure");
    return callerOf(claim, known.principal, known.leaseId);
  }

  #refresh(claim: Claim, door: CallerDoor): void {
    const { scope } = claim;
    if (scope === null || this.#refreshing.has(scope)) return;
    this.#refreshing.add(scope);
    // The claim was checked with the key in hand, so the bridge will find it true.
    const work = this.#meet(claim, door, null).then(
      () => undefined,
      () => undefined,
    );
    door.waitUntil(work.finally(() => this.#refreshing.delete(scope)));
  }
}

/** Whether one of the strings to sign has this signature; compared in constant time in wasm. */
function isSignedWith(key: HmacKey, proof: CallerProof): boolean {
  const signature = hexDecode(proof.signature);
  if (signature === null) return false;
  return proof.stringsToSign.some((text) => key.verify(utf8Encode(text), signature));
}

function callerOf(claim: Claim, principal: Principal, leaseId: string): Caller {
  const { secretId, method, signature, timestampSeconds, isPayloadSigned } = claim;
  return { principal, secretId, method, signature, timestampSeconds, isPayloadSigned, leaseId };
}
