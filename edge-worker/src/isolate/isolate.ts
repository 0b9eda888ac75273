/**
 * What one isolate keeps between requests: opened keys and signing keys in wasm memory, its X25519 key pair, and the queue
 * to the commit point. Values only: streams, stubs and timers belong to single requests (see `Visit`).
 */

import type { Bindings } from "../bindings.ts";
import { Authentication, type CallerDoor } from "../caller/authenticate.ts";
import { SigningKeys } from "../caller/signing-keys.ts";
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
} from "../instance/messages.ts";
import { BridgeWork, type OperationDoor } from "../keys/bridge-work.ts";
import { type KeyDoor, KeyRing } from "../keys/key-ring.ts";
import { OpenKeys } from "../keys/open-keys.ts";
import { importSigningKey, importVerifyingKey } from "../signing/ed25519.ts";
import { makeSealingKey, type SealingKey } from "../signing/sealing.ts";
import { type CommitDoor, CommitQueue, type Entry } from "./commit-queue.ts";
import { core } from "./core.ts";
import { within } from "./deadline.ts";

const RPC_DEADLINE_MS = 12_000;
const RIGHTS_DEADLINE_MS = 1_000;

/** What isolates ask of the instance over RPC. */
export interface InstanceDoor {
  lendKey(question: KeyQuestion): Promise<Answer<KeyLoan | Proxied>>;
  operate(question: OperationQuestion): Promise<Answer<Performed | Proxied>>;
  bridgeSealingKey(): Promise<Answer<Proxied>>;
  readPublicKey(question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>>;
  rightsChanged(): Promise<void>;
  lendCaller(question: CallerQuestion): Promise<Answer<CallerLoan>>;
  storeDataKey(dataKey: DataKeyToStore): Promise<Answer<string>>;
  readDataKey(question: DataKeyToRead): Promise<Answer<{ keyId: string; blob: string }>>;
  append(batch: Batch): Promise<Commitment>;
  status(): Promise<InstanceStatus>;
}

export class Isolate {
  readonly bindings: Bindings;
  readonly core = core;
  readonly keys: KeyRing;
  readonly bridgeWork: BridgeWork;
  readonly authentication: Authentication;
  readonly #signingKeys: SigningKeys;
  readonly #queue: CommitQueue;
  readonly #instanceId: DurableObjectId;
  #sealingKey: SealingKey | null = null;
  #forwardingKey: CryptoKey | null = null;
  #controlPlaneKey: CryptoKey | null = null;

  constructor(bindings: Bindings) {
    this.bindings = bindings;
    // One instance per edge; several instances per edge are a matter of this name only.
    this.#instanceId = bindings.instances.idFromName(bindings.edgeId);
    const openKeys = new OpenKeys(core, bindings.edgeGroup);
    this.#signingKeys = new SigningKeys(core);
    const sealingKey = () => this.#ownSealingKey();
    this.bridgeWork = new BridgeWork(bindings.edgeId, sealingKey);
    this.keys = new KeyRing(openKeys, sealingKey, (proxied) => this.bridgeWork.learn(proxied));
    this.authentication = new Authentication(core, this.#signingKeys, sealingKey);
    this.#queue = new CommitQueue((epochs) => {
      openKeys.raiseEpochs(epochs);
      this.keys.forgetProxied();
      this.#signingKeys.raiseEpochs(epochs);
    });
  }

  /** A stub is input and output: it belongs to the request that made it. */
  instance(): InstanceDoor {
    // The stub's own types take unions and tuples apart; EdgeInstance implements exactly this interface.
    return this.bindings.instances.get(this.#instanceId) as unknown as InstanceDoor;
  }

  /** The commit point's verdict on a call; null when too many wait for one. */
  commit(entry: Entry, door: CommitDoor): Promise<number | null> {
    return this.#queue.commit(entry, door);
  }

  dropCaller(leaseId: string): void {
    this.#signingKeys.drop(leaseId);
  }

  /** The enrolled key, for forwarding. */
  async forwardingKey(): Promise<CryptoKey> {
    this.#forwardingKey ??= await importSigningKey(this.bindings.signingKey);
    return this.#forwardingKey;
  }

  async controlPlaneKey(): Promise<CryptoKey> {
    this.#controlPlaneKey ??= await importVerifyingKey(this.bindings.controlPlanePublicKey);
    return this.#controlPlaneKey;
  }

  /** Two requests at the start may each make a pair; the first one kept is used by both. */
  async #ownSealingKey(): Promise<SealingKey> {
    if (this.#sealingKey !== null) return this.#sealingKey;
    const made = await makeSealingKey();
    this.#sealingKey ??= made;
    return this.#sealingKey;
  }
}

/** One request's visit to the isolate: its own stub to the instance, and its own right to go on in the background. */
export class Visit implements KeyDoor, OperationDoor, CallerDoor, CommitDoor {
  readonly isolate: Isolate;
  readonly #context: ExecutionContext;

  constructor(isolate: Isolate, context: ExecutionContext) {
    this.isolate = isolate;
    this.#context = context;
  }

  lendKey(question: KeyQuestion): Promise<Answer<KeyLoan | Proxied>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().lendKey(question));
  }

  operate(question: OperationQuestion): Promise<Answer<Performed | Proxied>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().operate(question));
  }

  bridgeSealingKey(): Promise<Answer<Proxied>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().bridgeSealingKey());
  }

  readPublicKey(question: PublicKeyQuestion): Promise<Answer<PublicKeyLoan>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().readPublicKey(question));
  }

  /** Tells the instance of a change; should that fail, refusals are remembered for their second. */
  async rightsChanged(): Promise<void> {
    await within(RIGHTS_DEADLINE_MS, this.isolate.instance().rightsChanged()).catch(
      () => undefined,
    );
  }

  lendCaller(question: CallerQuestion): Promise<Answer<CallerLoan>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().lendCaller(question));
  }

  storeDataKey(dataKey: DataKeyToStore): Promise<Answer<string>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().storeDataKey(dataKey));
  }

  readDataKey(question: DataKeyToRead): Promise<Answer<{ keyId: string; blob: string }>> {
    return within(RPC_DEADLINE_MS, this.isolate.instance().readDataKey(question));
  }

  append(batch: Batch): Promise<Commitment> {
    return this.isolate.instance().append(batch);
  }

  waitUntil(work: Promise<unknown>): void {
    this.#context.waitUntil(work);
  }
}

const isolates = new WeakMap<Bindings, Isolate>();

/** The state of this isolate for a configuration. */
export function isolateOf(bindings: Bindings): Isolate {
  const known = isolates.get(bindings);
  if (known !== undefined) return known;
  const isolate = new Isolate(bindings);
  isolates.set(bindings, isolate);
  return isolate;
}
