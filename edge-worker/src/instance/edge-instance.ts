/**
 * The edge instance (design §4): a Durable Object whose incarnation has a random id, an HPKE key pair in memory, leases,
 * epochs and budgets, and the audit chain. A new incarnation begins with none of them. Storage holds the audit outbox and
 * the clock's high-water mark; nothing sealed or opened ever goes there.
 */

import { DurableObject } from "cloudflare:workers";
import { defaultCallRates, hexEncode } from "@edge-kms/protocol";
import { bindingsOf } from "../bindings.ts";
import { core } from "../isolate/core.ts";
import { importSigningKey, importVerifyingKey } from "../signing/ed25519.ts";
import { makeSealingKey } from "../signing/sealing.ts";
import { BridgeSealing } from "./bridge-sealing.ts";
import { CallerLeases } from "./caller-leases.ts";
import { type InstanceClock, startClock } from "./clock.ts";
import { CommitPoint } from "./commit-point.ts";
import { Connection } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { Epochs } from "./epochs.ts";
import { HostedDataKeys } from "./hosted-data-keys.ts";
import { KeyLeases, type LeaseContext } from "./key-leases.ts";
import type {
  Answer,
  Batch,
  CallerLoan,
  CallerQuestion,
  Commitment,
  DataKeyToRead,
  DataKeyToStore,
  InstanceStatus,
  KeyLoan,
  KeyQuestion,
  OperationQuestion,
  Performed,
  Proxied,
  PublicKeyLoan,
  PublicKeyQuestion,
} from "./messages.ts";
import { Operations } from "./operations.ts";
import { Outbox } from "./outbox.ts";
import { Predecessors } from "./predecessors.ts";
import { PublicKeys } from "./public-keys.ts";
import { GATHER_REFUSALS_MS, RateRefusals } from "./rate-refusals.ts";
import { Rates } from "./rates.ts";
import { unreachable } from "./refusals.ts";
import { ReplayMemory } from "./replay-memory.ts";
import { Upstream } from "./upstream.ts";

/** Wakes an instance whose outbox is not empty, should it have been unloaded meanwhile. */
const ALARM_MS = 30_000;

export class EdgeInstance extends DurableObject {
  readonly #clock: InstanceClock;
  readonly #outbox: Outbox;
  readonly #keys: KeyLeases;
  readonly #callers: CallerLeases;
  readonly #dataKeys: HostedDataKeys;
  readonly #operations: Operations;
  readonly #publicKeys: PublicKeys;
  readonly #bridgeSealing: BridgeSealing;
  readonly #epochs = new Epochs();
  readonly #rateRefusals = new RateRefusals();
  readonly #commitPoint: CommitPoint;
  readonly #delivery: Delivery;
  readonly #connection: Connection;
  #hasAlarm = false;
  #isGathering = false;

  constructor(state: DurableObjectState, env: object) {
    super(state, env);
    const bindings = bindingsOf(env);
    const instance = hexEncode(crypto.getRandomValues(new Uint8Array(16)));
    this.#outbox = new Outbox(state.storage.sql);
    this.#clock = startClock(this.#outbox.highWaterMs());
    const epochs = this.#epochs;
    const rates = new Rates(defaultCallRates);
    const sha256 = core.sha256;
    const upstream = new Upstream(
      bindings,
      instance,
      () => this.#clock.now(),
      importSigningKey(bindings.signingKey),
      sha256,
    );
    const bridgeKey = importVerifyingKey(bindings.bridgePublicKey);
    const context: LeaseContext = {
      identity: {
        edge: bindings.edgeId,
        group: bindings.edgeGroup,
        instance,
        bridgeKey,
        sealingKey: makeSealingKey(),
      },
      upstream,
      bridgeSealing: new BridgeSealing(upstream, bridgeKey),
      clock: this.#clock,
      epochs,
      auditHead: () => this.#commitPoint.head,
    };
    this.#keys = new KeyLeases(context);
    this.#callers = new CallerLeases(context);
    this.#dataKeys = new HostedDataKeys(upstream);
    this.#operations = new Operations(context);
    this.#publicKeys = new PublicKeys(context);
    this.#bridgeSealing = context.bridgeSealing;
    this.#commitPoint = new CommitPoint({
      edge: bindings.edgeId,
      instance,
      clock: this.#clock,
      epochs,
      keys: {
        valid: (id, nowMs) =>
          this.#keys.valid(id, nowMs) ??
          this.#operations.valid(id, nowMs) ??
          this.#publicKeys.valid(id, nowMs),
      },
      callers: this.#callers,
      replays: new ReplayMemory(this.#clock.now(), bindings.signatureReuseMs),
      rates,
      rateRefusals: this.#rateRefusals,
      outbox: this.#outbox,
      sha256,
    });
    this.#delivery = new Delivery(this.#outbox, upstream, this.#clock);
    const predecessors = new Predecessors(state.storage.sql, instance, this.#outbox, upstream);
    this.#connection = new Connection(upstream, epochs, rates, () => {
      this.#delivery.retry();
      predecessors.kick();
    });
    this.#connection.start();
    this.#delivery.kick();
  }

  /** A branch key, sealed to the isolate that asks, or word that the bridge does not let it go. */
  lendKey(question: KeyQuestion): Promise<Answer<KeyLoan | Proxied>> {
    return this.#keys.lend(question);
  }

  /** An operation by the bridge, its result sealed to the isolate that asks. */
  operate(question: OperationQuestion): Promise<Answer<Performed | Proxied>> {
    return this.#operations.perform(question);
  }

  /** What operands for the bridge are sealed to. */
  async bridgeSealingKey(): Promise<Answer<Proxied>> {
    try {
      return { ok: true, value: { sealingKey: await this.#bridgeSealing.key() } };
    } catch (thrown) {
      return unreachable("sealing key", thrown);
    }
  }

  readPublicKey(question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>> {
    return this.#publicKeys.read(question);
  }

  /** A change went through this edge: what was refused before it is asked again. */
  rightsChanged(): void {
    this.#epochs.touch();
  }

  /** What it takes to believe a caller, sealed to the isolate that asks. */
  lendCaller(question: CallerQuestion): Promise<Answer<CallerLoan>> {
    return this.#callers.lend(question);
  }

  storeDataKey(dataKey: DataKeyToStore): Promise<Answer<string>> {
    return this.#dataKeys.store(dataKey);
  }

  readDataKey(question: DataKeyToRead): Promise<Answer<{ keyId: string; blob: string }>> {
    return this.#dataKeys.read(question);
  }

  /** Decides on calls and records those that pass; answers when that is on disk. */
  async append(batch: Batch): Promise<Commitment> {
    const commitment = this.#commitPoint.decide(batch);
    if (this.#rateRefusals.isWaiting) this.#gatherRateRefusals();
    await this.#makeDurable();
    return commitment;
  }

  async #makeDurable(): Promise<void> {
    if (!this.#hasAlarm && this.#outbox.size > 0) {
      this.#hasAlarm = true;
      await this.ctx.storage.setAlarm(this.#clock.now() + ALARM_MS);
    }
    await this.ctx.storage.sync();
    this.#delivery.kick();
  }

  /** Sees to it that refusals which are gathered now are recorded. Nothing was answered with them that depends on it. */
  #gatherRateRefusals(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    setTimeout(() => {
      this.#isGathering = false;
      void this.#recordRateRefusals();
      if (this.#rateRefusals.isWaiting) this.#gatherRateRefusals();
    }, GATHER_REFUSALS_MS);
  }

  async #recordRateRefusals(): Promise<void> {
    try {
      if (this.#commitPoint.recordRateRefusals()) await this.#makeDurable();
    } catch {
      console.error("refusals for their rate cannot be recorded");
    }
  }

  /** Whether the instance works, and a reason for it to exist. */
  status(): InstanceStatus {
    return {
      isConnected: this.#connection.isConnected,
      waitingRecords: this.#outbox.size,
      blockedRecords: this.#delivery.blockedRecords,
    };
  }

  override async alarm(): Promise<void> {
    this.#hasAlarm = this.#outbox.size > 0;
    if (this.#hasAlarm) await this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
    this.#delivery.kick();
  }
}
