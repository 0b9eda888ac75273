/**
 * Credentials of callers: kSigning of one SecretId, UTC day and service string, kept sealed and lent to isolates, or the
 * bridge's word for one single request (v1 signatures, principals whose signing keys are not leased).
 */

import {
  base64Decode,
  base64Encode,
  type CallerProof,
  type CredentialGrant,
  type CredentialRequest,
  type CredentialResponse,
  credentialGrant,
  credentialResponse,
  type Epoch,
  isErrorCode,
  type Principal,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { describeCause } from "../log.ts";
import { openMessage } from "../signing/ed25519.ts";
import { isolateSealInfo, open, type Sealed, seal } from "../signing/sealing.ts";
import { AnswerMemory } from "./answer-memory.ts";
import { Gate } from "./gate.ts";
import type { LeaseContext } from "./key-leases.ts";
import { localTimes } from "./lease-times.ts";
import {
  CONCURRENT,
  MAX_HELD,
  MAX_REFUSALS,
  MAX_WAIT_MS,
  MAX_WAITING,
  nextRefreshMs,
  REFUSAL_MS,
} from "./limits.ts";
import type { Answer, CallerLoan, CallerQuestion } from "./messages.ts";
import { sealProof } from "./proof-sealing.ts";
import { refusal, unreachable } from "./refusals.ts";
import { isUsable } from "./rules.ts";
import { type Origin, type Sent, UpstreamError } from "./upstream.ts";

/** A caller's credential in hand. */
export interface HeldCaller {
  readonly id: string;
  readonly secretId: string;
  readonly principal: Principal;
  readonly epoch: Epoch;
  refreshAtMs: number;
  readonly expiresAtMs: number;
  readonly maxUnacknowledged: number;
  readonly requestHash: string;
  /** Null: the bridge vouched for one request, and the lease ends with its record. */
  readonly sealed: Sealed | null;
}

/** HMAC-SHA256 output. */
const SIGNING_KEY_BYTES = 32;

export class CallerLeases {
  readonly #context: LeaseContext;
  readonly #byId = new Map<string, HeldCaller>();
  /** Leases with a signing key, by SecretId, day and service. */
  readonly #byScope = new Map<string, HeldCaller>();
  readonly #asking = new Map<string, Promise<unknown>>();
  /** SecretIds that nobody has. What else is refused depends on the proof. */
  readonly #unknown = new AnswerMemory<Answer<never>>(MAX_REFUSALS, REFUSAL_MS);
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING, MAX_WAIT_MS);

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** The lease of that id, if this instance holds it and it has neither ended nor been voided. */
  valid(id: string, nowMs: number): HeldCaller | null {
    const held = this.#byId.get(id);
    return held !== undefined && this.#isValid(held, nowMs) ? held : null;
  }

  /** Ends a lease that was good for one record. */
  spend(held: HeldCaller): void {
    if (held.sealed === null) this.#byId.delete(held.id);
  }

  /** What an isolate needs to believe the caller of this proof, and those who sign with the same key. */
  async lend({ proof, isolateKey, staleLease }: CallerQuestion): Promise<Answer<CallerLoan>> {
    const scope = scopeOf(proof);
    let held = this.#find(scope, staleLease);
    if (held === null && scope !== null) {
      // Who comes while another asks waits for that answer once; it may have been refused for its own bad signature.
      await this.#asking.get(scope)?.catch(() => undefined);
      held = this.#find(scope, staleLease);
    }
    if (held !== null) {
      const now = this.#context.clock.now();
      if (now >= held.refreshAtMs) this.#refresh(held, proof, scope, now);
      return this.#reseal(held, isolateKey);
    }
    let asked = await this.#ask(proof, scope);
    // An epoch may have risen while the answer was on its way; it is asked for once more.
    if (asked.ok && !this.#isValid(asked.value, this.#context.clock.now())) {
      asked = await this.#ask(proof, scope);
    }
    return asked.ok ? this.#reseal(asked.value, isolateKey) : asked;
  }

  /** Asks for a newer lease while this one serves. */
  #refresh(held: HeldCaller, proof: CallerProof, scope: string | null, nowMs: number): void {
    held.refreshAtMs = nextRefreshMs(held.expiresAtMs, nowMs);
    this.#ask(proof, scope).then(
      (asked) => {
        // Any other refusal may be this proof's own fault.
        const isGone = !asked.ok && asked.code === "AuthFailure.SecretIdNotFound";
        if (!isGone) return;
        this.#byId.delete(held.id);
        if (scope !== null && this.#byScope.get(scope) === held) this.#byScope.delete(scope);
      },
      (thrown: unknown) => console.error(`refresh of a credential: ${describeCause(thrown)}`),
    );
  }

  #find(scope: string | null, staleLease: string | null): HeldCaller | null {
    const held = scope === null ? undefined : this.#byScope.get(scope);
    if (held === undefined || held.id === staleLease) return null;
    return this.#isValid(held, this.#context.clock.now()) ? held : null;
  }

  #isValid(held: HeldCaller, nowMs: number): boolean {
    const { epochs } = this.#context;
    return isUsable(held, nowMs) && epochs.isCurrent(held.principal.account, held.epoch);
  }

  async #ask(proof: CallerProof, scope: string | null): Promise<Answer<HeldCaller>> {
    const { clock, epochs } = this.#context;
    // Whose it might be is not known: any account's change counts.
    const name = `${epochs.revision}|${proof.secretId}`;
    const unknown = this.#unknown.find(name, clock.now());
    if (unknown !== null) return unknown;
    const asked = this.#gate
      .run(() => this.#request(proof, scope))
      .then(
        (answer) => answer ?? refusal("RequestLimitExceeded", "credential-queue-full"),
        (thrown: unknown) => unreachable("credential lease", thrown),
      )
      .then((answer) => {
        if (!answer.ok && answer.code === "AuthFailure.SecretIdNotFound") {
          this.#unknown.keep(name, answer, clock.now());
        }
        return answer;
      });
    if (scope === null || this.#asking.has(scope)) return asked;
    this.#asking.set(scope, asked);
    return asked.finally(() => this.#asking.delete(scope));
  }

  async #request(proof: CallerProof, scope: string | null): Promise<Answer<HeldCaller>> {
    const { identity } = this.#context;
    const { answer, requestHash, sentAtMs } = await this.#send(proof);
    if ("error" in answer) {
      const { code } = answer.error;
      return isErrorCode(code)
        ? { ok: false, code, reason: "credential-refused" }
        : refusal("InternalError", "credential-refused");
    }
    const grant = await openMessage(
      answer.grant,
      signedMessageTypes.credentialGrant,
      credentialGrant,
      await identity.bridgeKey,
    );
    const held = grant === null ? null : this.#accept(grant, proof, requestHash, sentAtMs);
    if (held === null) throw new UpstreamError("a credential grant that is not what was asked for");
    if (held.sealed !== null) {
      // A grant that does not open must not stand in the way of the next one.
      const opened = await this.#open(held, held.sealed);
      if (opened === null) throw new UpstreamError("a credential grant that does not open");
      opened.fill(0);
    }
    this.#keep(held, scope);
    return { ok: true, value: held };
  }

  /** Sends a proof; that of v1 sealed, and once more when the bridge has started anew meanwhile and has another key. */
  async #send(proof: CallerProof): Promise<Sent<CredentialResponse>> {
    const { upstream, bridgeSealing } = this.#context;
    if (isTc3(proof)) return this.#post(upstream.origin(), proof);
    for (let isRetry = false; ; isRetry = true) {
      const key = await bridgeSealing.key();
      const origin = upstream.origin();
      const sent = await this.#post(origin, await sealProof(proof, key, origin));
      if (!("error" in sent.answer) || sent.answer.error.code !== "sealing-key-changed") {
        return sent;
      }
      bridgeSealing.forget(key.keyId);
      if (isRetry) return sent;
    }
  }

  async #post(
    origin: Origin,
    proof: CredentialRequest["proof"],
  ): Promise<Sent<CredentialResponse>> {
    const { upstream, identity } = this.#context;
    const { publicKey } = await identity.sealingKey;
    const content: CredentialRequest = { ...origin, hpkePublicKey: base64Encode(publicKey), proof };
    const { credentialRequest } = signedMessageTypes;
    return upstream.post("/edge/v1/credentials", credentialRequest, content, credentialResponse);
  }

  #accept(
    grant: CredentialGrant,
    proof: CallerProof,
    requestHash: string,
    sentAtMs: number,
  ): HeldCaller | null {
    const { identity, epochs } = this.#context;
    const isOurs =
      grant.requestHash === requestHash &&
      grant.edge === identity.edge &&
      grant.instance === identity.instance &&
      grant.secretId === proof.secretId &&
      grant.date === proof.date &&
      grant.service === proof.service;
    const times = localTimes(grant, sentAtMs, Math.random());
    if (!isOurs || times === null) return null;
    let sealed: Sealed | null = null;
    if (grant.sealed !== null) {
      const enc = base64Decode(grant.sealed.enc);
      const ciphertext = base64Decode(grant.sealed.ciphertext);
      // Only TC3 has a key that is less than the SecretKey.
      if (enc === null || ciphertext === null || scopeOf(proof) === null) return null;
      sealed = { enc, ciphertext };
    }
    epochs.raise(grant.principal.account, grant.epoch);
    return {
      id: grant.leaseId,
      secretId: grant.secretId,
      principal: grant.principal,
      epoch: grant.epoch,
      ...times,
      maxUnacknowledged: grant.maxUnacknowledged,
      requestHash,
      sealed,
    };
  }

  #keep(held: HeldCaller, scope: string | null): void {
    this.#byId.set(held.id, held);
    if (scope !== null && held.sealed !== null) this.#byScope.set(scope, held);
    if (this.#byId.size <= MAX_HELD) return;
    const now = this.#context.clock.now();
    for (const other of this.#byId.values()) {
      if (this.#byId.size > MAX_HELD / 2 || !this.#isValid(other, now)) this.#byId.delete(other.id);
    }
    for (const [key, other] of this.#byScope) {
      if (!this.#byId.has(other.id)) this.#byScope.delete(key);
    }
  }

  /** kSigning, the caller's to wipe; null when it does not open or is none. */
  async #open(held: HeldCaller, sealed: Sealed): Promise<Uint8Array | null> {
    const key = await open(
      await this.#context.identity.sealingKey,
      sealed,
      signedMessageTypes.credentialGrant,
      `${held.requestHash}:${held.id}`,
    );
    if (key === null || key.length === SIGNING_KEY_BYTES) return key;
    key.fill(0);
    return null;
  }

  async #reseal(held: HeldCaller, isolateKey: Uint8Array): Promise<Answer<CallerLoan>> {
    const { id: leaseId, principal, epoch, refreshAtMs, expiresAtMs } = held;
    const terms = { leaseId, principal, epoch, refreshAtMs, expiresAtMs };
    if (held.sealed === null) return { ok: true, value: { ...terms, sealed: null } };
    const key = await this.#open(held, held.sealed);
    if (key === null) return refusal("InternalError", "grant-does-not-open");
    try {
      const sealed = await seal(isolateKey, key, isolateSealInfo, leaseId);
      return { ok: true, value: { ...terms, sealed } };
    } finally {
      key.fill(0);
    }
  }
}

/** What one kSigning answers for; null for signatures that have none. The parts cannot hold a `/` but in the service. */
export function scopeOf(
  proof: Pick<CallerProof, "method" | "secretId" | "date" | "service">,
): string | null {
  return isTc3(proof) ? `${proof.secretId}/${proof.date}/${proof.service}` : null;
}

function isTc3<T extends Pick<CallerProof, "method">>(
  proof: T,
): proof is T & { method: "TC3-HMAC-SHA256" } {
  return proof.method === "TC3-HMAC-SHA256";
}
