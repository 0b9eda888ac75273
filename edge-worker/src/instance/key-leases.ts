/**
 * Branch-key leases of one instance: asked for once per key whatever the number of callers, verified against everything
 * that was asked, kept sealed, and lent to isolates sealed anew to a key of theirs. A lease in hand is lent at once; when
 * it is due, a newer one is asked for meanwhile.
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
import { useOf } from "../keys/use-of.ts";
import { describeCause } from "../log.ts";
import { openMessage } from "../signing/ed25519.ts";
import { isolateSealInfo, open, type Sealed, type SealingKey, seal } from "../signing/sealing.ts";
import { AnswerMemory } from "./answer-memory.ts";
import type { BridgeSealing } from "./bridge-sealing.ts";
import type { InstanceClock } from "./clock.ts";
import type { Epochs } from "./epochs.ts";
import { Gate } from "./gate.ts";
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
import type { Answer, KeyLoan, KeyQuestion, Proxied } from "./messages.ts";
import { isSettled, refusal, unreachable } from "./refusals.ts";
import { isUsable } from "./rules.ts";
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
  readonly bridgeSealing: BridgeSealing;
  readonly clock: InstanceClock;
  readonly epochs: Epochs;
  /** Where the audit chain stands, for the bridge's log. */
  readonly auditHead: () => { readonly seq: number; readonly hash: string };
}

/** A lease in hand. `operationsLeft` is counted down by the commit point. */
export interface HeldKey {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly version: number;
  readonly branch: string;
  readonly suite: 1 | 2;
  readonly group: string;
  readonly store: "pkcs11" | "software";
  readonly epoch: Epoch;
  refreshAtMs: number;
  readonly expiresAtMs: number;
  readonly maxUnacknowledged: number;
  operationsLeft: number;
  readonly requestHash: string;
  readonly sealed: Sealed;
}

/** A lease, or that there is none because the key stays in the bridge. */
type Lent = HeldKey | "proxied";

export class KeyLeases {
  readonly #context: LeaseContext;
  readonly #byId = new Map<string, HeldKey>();
  /** Newest lease by what it answers; an encrypting one answers for decryption of its own branch too. */
  readonly #byUse = new Map<string, HeldKey>();
  readonly #asking = new Map<string, Promise<Answer<Lent>>>();
  readonly #refusals = new AnswerMemory<Answer<Lent>>(MAX_REFUSALS, REFUSAL_MS);
  readonly #gate = new Gate(CONCURRENT, MAX_WAITING, MAX_WAIT_MS);

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** The lease of that id, if this instance holds it and it has neither ended nor been voided. */
  valid(id: string, nowMs: number): HeldKey | null {
    const held = this.#byId.get(id);
    return held !== undefined && this.#isValid(held, nowMs) ? held : null;
  }

  /** A branch key for an isolate. */
  async lend(question: KeyQuestion): Promise<Answer<KeyLoan | Proxied>> {
    const { key, staleLease, isolateKey } = question;
    const now = this.#context.clock.now();
    const held = this.#byUse.get(useOf(key));
    if (held !== undefined && held.id !== staleLease && this.#isValid(held, now)) {
      if (now >= held.refreshAtMs) this.#refresh(key, held, now);
      return this.#reseal(held, isolateKey);
    }
    let asked = await this.#ask(key);
    // An epoch may have risen while the answer was on its way; it is asked for once more.
    if (asked.ok && asked.value !== "proxied") {
      const isValid = this.#isValid(asked.value, this.#context.clock.now());
      if (!isValid) asked = await this.#ask(key);
    }
    if (!asked.ok) return asked;
    return asked.value === "proxied" ? this.#proxied() : this.#reseal(asked.value, isolateKey);
  }

  async #proxied(): Promise<Answer<Proxied>> {
    try {
      return { ok: true, value: { sealingKey: await this.#context.bridgeSealing.key() } };
    } catch (thrown) {
      return unreachable("the bridge's sealing key", thrown);
    }
  }

  /** Asks for a newer lease while this one serves. */
  #refresh(key: LeasedKey, held: HeldKey, nowMs: number): void {
    held.refreshAtMs = nextRefreshMs(held.expiresAtMs, nowMs);
    this.#ask(key).then(
      (asked) => {
        // Without an answer the lease stays as it is until it ends; a refusal ends it.
        if (asked.ok ? asked.value === "proxied" : isSettled(asked.code)) this.#drop(held);
      },
      (thrown: unknown) => console.error(`refresh of ${key.keyId}: ${describeCause(thrown)}`),
    );
  }

  #isValid(held: HeldKey, nowMs: number): boolean {
    return isUsable(held, nowMs) && this.#context.epochs.isCurrent(held.account, held.epoch);
  }

  #ask(key: LeasedKey): Promise<Answer<Lent>> {
    const { clock, epochs } = this.#context;
    // With the epoch: what was asked before a change does not answer who comes after it.
    const name = `${epochs.mark(key.account)}|${useOf(key)}`;
    const refused = this.#refusals.find(name, clock.now());
    if (refused !== null) return Promise.resolve(refused);
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const asked = this.#gate
      .run(() => this.#request(key))
      .then(
        (answer) => answer ?? refusal("RequestLimitExceeded", "lease-queue-full"),
        (thrown: unknown) => unreachable(`lease of ${key.keyId}`, thrown),
      )
      .then((answer) => {
        if (!answer.ok && isSettled(answer.code)) this.#refusals.keep(name, answer, clock.now());
        return answer;
      })
      .finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  async #request(key: LeasedKey): Promise<Answer<Lent>> {
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
    if ("proxied" in result) return { ok: true, value: "proxied" };
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
    const { identity } = this.#context;
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
    return {
      id: grant.leaseId,
      account: grant.account,
      region: grant.region,
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
    this.#context.epochs.raise(held.account, held.epoch);
    this.#byId.set(held.id, held);
    this.#byUse.set(useOf(key), held);
    this.#byUse.set(useOf({ purpose: "decrypt", ...held }), held);
    if (this.#byId.size > MAX_HELD) this.#dropOldest();
  }

  #drop(held: HeldKey): void {
    this.#byId.delete(held.id);
    for (const purpose of ["encrypt", "decrypt"] as const) {
      const use = useOf({ purpose, ...held });
      if (this.#byUse.get(use) === held) this.#byUse.delete(use);
    }
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
