/**
 * Branch-key leases of one instance: asked for once per key whatever the number of callers, verified against everything
 * that was asked, kept sealed, and lent to isolates sealed anew to a key of theirs.
 */

import {
  base64Decode,
  base64Encode,
  type Epoch,
  isErrorCode,
  type LeasedKey,
  type LeaseGrant,
  leaseGrant,
  leaseResponse,
  signedMessageTypes,
} from "@edge-kms/protocol";
import { openMessage } from "../signing/ed25519.ts";
import { isolateSealInfo, open, type Sealed, type SealingKey, seal } from "../signing/sealing.ts";
import type { InstanceClock } from "./clock.ts";
import type { Epochs } from "./epochs.ts";
import { Gate } from "./gate.ts";
import { localTimes } from "./lease-times.ts";
import type { Answer, KeyLoan, KeyQuestion } from "./messages.ts";
import { type Upstream, UpstreamError } from "./upstream.ts";

/** Who this instance is and whom it believes. */
export interface Identity {
  readonly edge: string;
  readonly group: string;
  readonly instance: string;
  readonly bridgeKey: Promise<CryptoKey>;
  readonly sealingKey: Promise<SealingKey>;
}

export interface LeaseContext {
  readonly identity: Identity;
  readonly upstream: Upstream;
  readonly clock: InstanceClock;
  readonly epochs: Epochs;
  /** Where the audit chain stands, for the bridge's log. */
  readonly auditHead: () => { readonly seq: number; readonly hash: string };
}

/** A lease in hand. `operationsLeft` is counted down by the commit point. */
export interface HeldKey {
  readonly id: string;
  readonly account: string;
  readonly keyId: string;
  readonly version: number;
  readonly branch: string;
  readonly suite: 1 | 2;
  readonly group: string;
  readonly store: "pkcs11" | "software";
  readonly epoch: Epoch;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  readonly maxUnacknowledged: number;
  operationsLeft: number;
  readonly requestHash: string;
  readonly sealed: Sealed;
}

/** HSM work of one instance at a time. */
const CONCURRENT = 20;
const MAX_WAITING = 2000;
/** Leases kept; the oldest go first. */
const MAX_HELD = 20_000;

const refusal = (code: "InternalError" | "RequestLimitExceeded", reason: string) =>
  ({ ok: false, code, reason }) as const;

export class KeyLeases {
  readonly #context: LeaseContext;
  readonly #byId = new Map<string, HeldKey>();
  /** Newest lease by what it answers; an encrypting one answers for decryption of its own branch too. */
  readonly #byUse = new Map<string, HeldKey>();
  readonly #asking = new Map<string, Promise<Answer<HeldKey>>>();
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING);

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** The lease of that id, if this instance holds it and it has neither ended nor been voided. */
  valid(id: string, nowMs: number): HeldKey | null {
    const held = this.#byId.get(id);
    return held !== undefined && this.#isValid(held, nowMs) ? held : null;
  }

  /** A branch key for an isolate. */
  async lend(question: KeyQuestion): Promise<Answer<KeyLoan>> {
    const { key, staleLease } = question;
    const now = this.#context.clock.now();
    const known = this.#byUse.get(useOf(key));
    const held =
      known !== undefined && known.id !== staleLease && this.#isValid(known, now) ? known : null;
    if (held !== null && now < held.refreshAtMs) return this.#reseal(held, question.isolateKey);
    let asked = await this.#ask(key);
    // An epoch may have risen while the answer was on its way; it is asked for once more.
    if (asked.ok && !this.#isValid(asked.value, this.#context.clock.now())) {
      asked = await this.#ask(key);
    }
    if (asked.ok) return this.#reseal(asked.value, question.isolateKey);
    // A refresh that failed for want of an answer leaves the lease as it is, until it ends.
    const mayWait = asked.code === "InternalError" || asked.code === "RequestLimitExceeded";
    if (held !== null && mayWait && this.#isValid(held, this.#context.clock.now())) {
      return this.#reseal(held, question.isolateKey);
    }
    return asked;
  }

  #isValid(held: HeldKey, nowMs: number): boolean {
    return (
      nowMs < held.expiresAtMs &&
      held.operationsLeft > 0 &&
      this.#context.epochs.isCurrent(held.account, held.epoch)
    );
  }

  #ask(key: LeasedKey): Promise<Answer<HeldKey>> {
    const use = useOf(key);
    const asking = this.#asking.get(use);
    if (asking !== undefined) return asking;
    const asked = this.#gate
      .run(() => this.#request(key))
      .then(
        (answer) => answer ?? refusal("RequestLimitExceeded", "lease-queue-full"),
        (thrown: unknown) => {
          if (!(thrown instanceof UpstreamError)) throw thrown;
          console.error(`lease of ${key.keyId}: ${thrown.message}`);
          return refusal("InternalError", "control-plane-unreachable");
        },
      )
      .finally(() => this.#asking.delete(use));
    this.#asking.set(use, asked);
    return asked;
  }

  async #request(key: LeasedKey): Promise<Answer<HeldKey>> {
    const { upstream, identity, auditHead } = this.#context;
    const { publicKey } = await identity.sealingKey;
    const { answer, requestHash, sentAtMs } = await upstream.post(
      "/edge/v1/leases",
      signedMessageTypes.leaseRequest,
      {
        ...upstream.origin(),
        hpkePublicKey: base64Encode(publicKey),
        auditHead: auditHead(),
        keys: [key],
      },
      leaseResponse,
    );
    const [result] = answer.results;
    if (result === undefined || answer.results.length !== 1) {
      throw new UpstreamError("another number of results than of keys");
    }
    if ("error" in result) {
      const { code } = result.error;
      return isErrorCode(code)
        ? { ok: false, code, reason: "lease-refused" }
        : refusal("InternalError", "lease-refused");
    }
    const grant = await openMessage(
      result.grant,
      signedMessageTypes.leaseGrant,
      leaseGrant,
      await identity.bridgeKey,
    );
    const held = grant === null ? null : this.#accept(grant, key, requestHash, sentAtMs);
    if (held === null) throw new UpstreamError("a lease grant that is not what was asked for");
    // A grant that does not open must not stand in the way of the next one.
    const opened = await this.#open(held);
    if (opened === null) throw new UpstreamError("a lease grant that does not open");
    opened.fill(0);
    this.#keep(held, key);
    return { ok: true, value: held };
  }

  /** The branch key, the caller's to wipe; null when it does not open or has a length that its suite has not. */
  async #open(held: HeldKey): Promise<Uint8Array | null> {
    const key = await open(
      await this.#context.identity.sealingKey,
      held.sealed,
      signedMessageTypes.leaseGrant,
      `${held.requestHash}:${held.id}`,
    );
    // Suite 1 is over AES-256, suite 2 over SM4 (GB/T 32907-2016 §4: 128 bits).
    if (key === null || key.length === (held.suite === 1 ? 32 : 16)) return key;
    key.fill(0);
    return null;
  }

  /** A grant as a lease, when it answers exactly this request; else null. */
  #accept(
    grant: LeaseGrant,
    key: LeasedKey,
    requestHash: string,
    sentAtMs: number,
  ): HeldKey | null {
    const { identity, epochs } = this.#context;
    const isOurs =
      grant.requestHash === requestHash &&
      grant.index === 0 &&
      grant.edge === identity.edge &&
      grant.instance === identity.instance &&
      grant.group === identity.group &&
      grant.account === key.account &&
      grant.region === key.region &&
      grant.keyId === key.keyId;
    const isTheBranch =
      key.purpose === "encrypt" ||
      (grant.version === key.version && grant.branch === key.branch && grant.suite === key.suite);
    const times = localTimes(grant, sentAtMs, Math.random());
    const enc = base64Decode(grant.sealed.enc);
    const ciphertext = base64Decode(grant.sealed.ciphertext);
    if (!isOurs || !isTheBranch || times === null || enc === null || ciphertext === null) {
      return null;
    }
    epochs.raise(grant.account, grant.epoch);
    return {
      id: grant.leaseId,
      account: grant.account,
      keyId: grant.keyId,
      version: grant.version,
      branch: grant.branch,
      suite: grant.suite,
      group: grant.group,
      store: grant.store,
      epoch: grant.epoch,
      ...times,
      maxUnacknowledged: grant.maxUnacknowledged,
      operationsLeft: grant.maxOperations,
      requestHash,
      sealed: { enc, ciphertext },
    };
  }

  #keep(held: HeldKey, key: LeasedKey): void {
    this.#byId.set(held.id, held);
    this.#byUse.set(useOf(key), held);
    const { account, region, keyId } = key;
    const { version, branch, suite } = held;
    this.#byUse.set(
      useOf({ purpose: "decrypt", account, region, keyId, version, branch, suite }),
      held,
    );
    if (this.#byId.size > MAX_HELD) this.#dropOldest();
  }

  #dropOldest(): void {
    const now = this.#context.clock.now();
    for (const held of this.#byId.values()) {
      if (this.#byId.size <= MAX_HELD / 2 && this.#isValid(held, now)) continue;
      this.#byId.delete(held.id);
    }
    for (const [use, held] of this.#byUse) if (!this.#byId.has(held.id)) this.#byUse.delete(use);
  }

  async #reseal(held: HeldKey, isolateKey: Uint8Array): Promise<Answer<KeyLoan>> {
    const key = await this.#open(held);
    if (key === null) return refusal("InternalError", "grant-does-not-open");
    const { id: leaseId, version, branch, suite, group } = held;
    const { epoch, store, refreshAtMs, expiresAtMs } = held;
    const terms = {
      leaseId,
      version,
      branch,
      suite,
      group,
      epoch,
      store,
      refreshAtMs,
      expiresAtMs,
    };
    try {
      const sealed = await seal(isolateKey, key, isolateSealInfo, leaseId);
      return { ok: true, value: { ...terms, sealed } };
    } finally {
      key.fill(0);
    }
  }
}

/** What a lease answers, as one text. None of the parts can hold a `|`. */
function useOf(key: LeasedKey): string {
  const name = `${key.account}|${key.region}|${key.keyId}`;
  return key.purpose === "encrypt"
    ? `encrypt|${name}`
    : `decrypt|${name}|${key.version}|${key.branch}|${key.suite}`;
}
