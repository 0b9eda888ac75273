/**
 * One KeyStore over several tokens, so that the loss of one costs nothing. Every token has an AES key of its own under each id: keys
 * leave no token, not even for another. What is encrypted is wrapped by each (`sealed-copies.ts`), and opened by whichever answers.
 *
 * Writes: an object is made in all tokens, or in a declared number of them at least; what the others lack they are given when they
 * serve again (`repair.ts`). Imported keys go into all or none, since they cannot be copied later. A pair lives in one token, so keys
 * that must outlive a token are sealed instead (`key-pairs.ts`). Destruction is done when all have done it, and not before: also a token
 * that is no longer in the settings, until an operator says that it is retired.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "@edge-kms/protocol";
import { equalBytes } from "@edge-kms/protocol";
import { ownBytes, wipe } from "../bytes.ts";
import { BridgeError } from "../errors.ts";
import {
  checkAesKey,
  checkObjectId,
  checkPlaintextLength,
  checkRandomLength,
  type KeyStore,
  type PairKind,
  type RsaPadding,
  type SelfTestReport,
  type SignScheme,
  type StoredObject,
} from "../key-store.ts";
import type { Logger } from "../log.ts";
import { KeyedMutex } from "../mutex.ts";
import {
  copiesOf,
  forgetCopies,
  forgetWrappings,
  insertUnfinishedSeal,
  insertWrapping,
  isImported,
  setCopy,
  type UnfinishedSeal,
  wrappingsOf,
} from "../registry/copies.ts";
import type { Database } from "../registry/database.ts";
import { firstOf, type Settled, settleMost } from "./first-of.ts";
import { decodeCopies, encodeCopies, type SealedCopies } from "./sealed-copies.ts";

/** One token: a label, which is its identity for ever, and the store over it. */
export interface Replica {
  readonly label: string;
  readonly store: KeyStore;
}

export interface ReplicatedStoreOptions {
  /** In order of preference for what needs one token only. */
  readonly replicas: readonly Replica[];
  /** The token of the time when this home had one: what was sealed then names none. */
  readonly founding: string | null;
  /** Labels of tokens that are gone, with what was in them. */
  readonly retired: readonly string[];
  /** In how many tokens an object and a wrapping must be before they are answered. */
  readonly writeQuorum: number;
  readonly database: Database;
  readonly logger: Logger;
}

/** Sealed bytes with all that opening them takes. */
export interface Sealed {
  readonly sealed: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** A token that has not answered a read for so long has the next one asked beside it. */
const PATIENCE_MS = 1_000;
/** Behind reads a token that failed is given nothing for so long. */
const HEAL_PAUSE_MS = 10_000;
/** How long tokens may lag behind when as many as must have done a write have done it. */
const GRACE_MS = 2_000;

export class ReplicatedStore implements KeyStore {
  readonly kind = "pkcs11";
  readonly isReplicated = true;
  readonly pairs: ReadonlySet<PairKind>;
  readonly replicas: readonly Replica[];
  readonly #founding: string | null;
  readonly #retired: ReadonlySet<string>;
  readonly #quorum: number;
  readonly #database: Database;
  readonly #logger: Logger;
  /** Making, copying and destroying an object exclude each other. */
  readonly #locks = new KeyedMutex();
  /** Objects and sealed bytes that a token lacks: as of the last repair, and what was written without it since. */
  readonly #lacks = new Map<string, number>();
  /** Objects that a token should have and does not. */
  readonly #missing = new Map<string, number>();
  /** Wrappings that are being added behind a read, by sealed bytes and token. */
  readonly #healing = new Map<string, Promise<void>>();
  /** Until when a token that failed is given none behind reads. */
  readonly #healsFromMs = new Map<string, number>();
  /** Creations in a token that nobody may be waiting for any more, by object and token. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  #turn = 0;

  constructor(options: ReplicatedStoreOptions) {
    this.replicas = options.replicas;
    this.#founding = options.founding;
    this.#retired = new Set(options.retired);
    this.#quorum = Math.min(options.writeQuorum, options.replicas.length);
    this.#database = options.database;
    this.#logger = options.logger;
    this.pairs = options.replicas[0]?.store.pairs ?? new Set();
  }

  get tokens() {
    return this.replicas.flatMap(({ label, store }) =>
      store.tokens.map((token) => ({
        ...token,
        lacks: (this.#lacks.get(label) ?? 0) + (this.#missing.get(label) ?? 0),
      })),
    );
  }

  /** Those whose token serves, each in its turn the first; then the others. */
  #inTurn(): Replica[] {
    this.#turn = (this.#turn + 1) % this.replicas.length;
    const turned = [...this.replicas.slice(this.#turn), ...this.replicas.slice(0, this.#turn)];
    return [...turned.filter(isServing), ...turned.filter((replica) => !isServing(replica))];
  }

  #holders(id: string): Replica[] {
    const ready = new Set(
      copiesOf(this.#database, id)
        .filter(({ state }) => state === "ready")
        .map(({ token }) => token),
    );
    return this.replicas.filter(({ label }) => ready.has(label));
  }

  async generateAesKey(id: string): Promise<void> {
    checkObjectId(id);
    await this.#make(id, this.#quorum, (store) => store.generateAesKey(id));
  }

  async importAesKey(id: string, key: Uint8Array): Promise<void> {
    checkObjectId(id);
    checkAesKey(key);
    await this.#make(id, this.replicas.length, (store) => store.importAesKey(id, key));
  }

  #requireFree(id: string): void {
    if (copiesOf(this.#database, id).length === 0) return;
    throw new BridgeError("conflict", "The store has an object of that id.");
  }

  #make(id: string, needed: number, make: (store: KeyStore) => Promise<void>): Promise<void> {
    return this.#locks.run(id, async () => {
      this.#requireFree(id);
      // Before it is tried: what may be in a token is known, whatever becomes of this process.
      await this.#database.commit(() => {
        for (const { label } of this.replicas) setCopy(this.#database, id, label, "copying");
      });
      const work = this.replicas.map(({ label, store }) => ({
        name: label,
        run: () => this.#noteUnderWay(id, label, make(store)),
      }));
      const made = done(await settleMost(work, needed, GRACE_MS, () => {}), needed);
      await this.#database.commit(() => {
        for (const { name } of made) setCopy(this.#database, id, name, "ready");
      });
      this.#noteLackingAfter(made);
    });
  }

  #noteUnderWay<T>(id: string, label: string, work: Promise<T>): Promise<T> {
    const name = `${id} ${label}`;
    const ended = work.catch(() => {}).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, ended);
    return work;
  }

  /** Under every token that has the object, each wrapping opened once again before it counts. */
  async aesGcmEncrypt(id: string, plaintext: Uint8Array, associatedData: Uint8Array) {
    checkObjectId(id);
    checkPlaintextLength(plaintext);
    const holders = this.#holders(id);
    if (holders.length === 0) throw noSuchObject();
    const needed = Math.min(this.#quorum, holders.length);
    const work = holders.map((replica) => ({
      name: replica.label,
      run: () => wrapFor(replica, id, plaintext, associatedData),
    }));
    const wrapped = done(await settleMost(work, needed, GRACE_MS, () => {}), needed);
    const sealed = encodeCopies(new Map(wrapped.map(({ name, value }) => [name, value])));
    if (wrapped.length < this.replicas.length) {
      const row = { sealedHash: hashOf(sealed), objectId: id, sealed, associatedData };
      await this.#database.commit(() => insertUnfinishedSeal(this.#database, row));
      this.#noteLackingAfter(wrapped);
    }
    return sealed;
  }

  async aesGcmDecrypt(id: string, sealed: Uint8Array, associatedData: Uint8Array) {
    checkObjectId(id);
    const holders = this.#holders(id);
    if (holders.length === 0) throw noSuchObject();
    const wrappings = this.#wrappings(id, sealed, holders);
    const opened = await this.#open(id, wrappings, associatedData);
    this.#heal(id, { sealed, associatedData }, opened, holders, wrappings);
    return opened;
  }

  #open(id: string, wrappings: SealedCopies, associatedData: Uint8Array): Promise<Bytes> {
    const able = this.#inTurn().filter((replica) => wrappings.has(replica.label));
    return this.#firstOf(able, ({ label, store }) =>
      store.aesGcmDecrypt(id, wrappings.get(label) as Uint8Array, associatedData),
    );
  }

  /** Of these tokens, by token; the registry is asked only about what the sealed bytes do not have. */
  #wrappings(id: string, sealed: Uint8Array, holders: readonly Replica[]): SealedCopies {
    const inside = decodeCopies(sealed) ?? this.#sealedByFounding(sealed);
    const isWhole = holders.every(({ label }) => inside.has(label));
    const known = isWhole
      ? inside
      : new Map([...wrappingsOf(this.#database, hashOf(sealed)), ...inside]);
    // The same key everywhere: what one of them wrapped all can open.
    const [any] = isWhole || !isImported(this.#database, id) ? [] : known.values();
    return new Map(
      holders.flatMap(({ label }) => {
        const wrapping = known.get(label) ?? any;
        return wrapping === undefined ? [] : [[label, wrapping] as const];
      }),
    );
  }

  #sealedByFounding(sealed: Uint8Array): SealedCopies {
    if (this.#founding === null) {
      throw new BridgeError("corrupt", "The sealed bytes are not of a known form.");
    }
    return new Map([[this.#founding, sealed]]);
  }

  /**
   * Whatever was opened and is not wrapped for every token that could have it is now, behind the caller's back: what was sealed before a
   * token came is nowhere else written down (SecretKeys are the control plane's to keep).
   */
  #heal(
    id: string,
    sealed: Sealed,
    opened: Uint8Array,
    holders: readonly Replica[],
    wrappings: SealedCopies,
  ): void {
    for (const replica of holders) {
      if (wrappings.has(replica.label) || !isServing(replica)) continue;
      if (performance.now() < (this.#healsFromMs.get(replica.label) ?? 0)) continue;
      const name = `${hashOf(sealed.sealed).toString("hex")} ${replica.label}`;
      if (this.#healing.has(name)) continue;
      const plaintext = Uint8Array.from(opened);
      const healing = this.#addWrapping(replica, id, sealed, plaintext)
        .catch((error: unknown) => {
          // A later read tries again.
          this.#healsFromMs.set(replica.label, performance.now() + HEAL_PAUSE_MS);
          this.#logger.warn("sealed bytes could not be wrapped for a token", {
            token: replica.label,
            objectId: id,
            code: error instanceof BridgeError ? error.code : "internal",
          });
        })
        .finally(() => {
          wipe(plaintext);
          this.#healing.delete(name);
        });
      this.#healing.set(name, healing);
    }
  }

  async #addWrapping(
    replica: Replica,
    id: string,
    { sealed, associatedData }: Sealed,
    plaintext: Uint8Array,
  ): Promise<void> {
    const wrapping = await wrapFor(replica, id, plaintext, associatedData);
    await this.#database.commit(() => {
      // Destroyed meanwhile: nothing of it stays.
      if (copiesOf(this.#database, id).length === 0) return;
      insertWrapping(this.#database, hashOf(sealed), replica.label, id, wrapping);
    });
  }

  /** Sealed bytes wrapped for a token that has the object, unless they are. */
  async copySealed(label: string, id: string, sealed: Sealed): Promise<void> {
    const replica = this.#replica(label);
    if (this.#wrappings(id, sealed.sealed, [replica]).has(label)) return;
    const wrappings = this.#wrappings(id, sealed.sealed, this.#holders(id));
    const opened = await this.#open(id, wrappings, sealed.associatedData);
    try {
      await this.#addWrapping(replica, id, sealed, opened);
    } finally {
      wipe(opened);
    }
  }

  /**
   * Gives a token its own key for an object, and wraps under it what others have sealed: `sealedUnder` is asked when the token has
   * the key. Null when the object has come to its end.
   */
  copyObject(
    label: string,
    id: string,
    sealedUnder: () => readonly Sealed[],
  ): Promise<{ readonly wrappings: number } | null> {
    const { store } = this.#replica(label);
    return this.#locks.run(id, async () => {
      if (this.#holders(id).length === 0) return null;
      await this.#underWay.get(`${id} ${label}`);
      await this.#database.commit(() => setCopy(this.#database, id, label, "copying"));
      // An attempt that was cut off may have left one, or somebody else: nothing depends on it.
      await store.destroyKey(id);
      await this.#database.commit(() => forgetWrappings(this.#database, id, label));
      await store.generateAesKey(id);
      const all = sealedUnder();
      for (const sealed of all) await this.copySealed(label, id, sealed);
      await this.#database.commit(() => setCopy(this.#database, id, label, "ready"));
      return { wrappings: all.length };
    });
  }

  /** Whether the token has the object, and these sealed bytes are not wrapped for it. */
  lacksWrapping(label: string, { objectId, sealed }: UnfinishedSeal): boolean {
    const holder = this.#holders(objectId).find((replica) => replica.label === label);
    return holder !== undefined && !this.#wrappings(objectId, sealed, [holder]).has(label);
  }

  isInEveryToken(id: string): boolean {
    return this.#holders(id).length === this.replicas.length;
  }

  /** Until the next repair has counted, one more for every token that had no part in a write. */
  #noteLackingAfter(written: readonly { readonly name: string }[]): void {
    const names = new Set(written.map(({ name }) => name));
    for (const { label } of this.replicas) {
      if (!names.has(label)) this.noteLacks(label, (this.#lacks.get(label) ?? 0) + 1);
    }
  }

  /** Objects that a token had and has no more: it may be another than it says. */
  noteMissing(label: string, count: number): void {
    this.#missing.set(label, count);
  }

  /** What `tokens` tells of it from now on. */
  noteLacks(label: string, count: number): void {
    this.#lacks.set(label, count);
  }

  async generatePair(id: string, kind: PairKind): Promise<Bytes> {
    checkObjectId(id);
    return this.#locks.run(id, async () => {
      this.#requireFree(id);
      // Not another one when the first fails: it may have made the pair.
      const replica = this.#inTurn()[0] as Replica;
      const publicKey = await replica.store.generatePair(id, kind);
      await this.#database.commit(() => setCopy(this.#database, id, replica.label, "ready"));
      return publicKey;
    });
  }

  async rsaDecrypt(id: string, padding: RsaPadding, ciphertext: Uint8Array) {
    return this.#firstOf(this.#requireHolders(id), ({ store }) =>
      store.rsaDecrypt(id, padding, ciphertext),
    );
  }

  async sign(id: string, scheme: SignScheme, digest: Uint8Array) {
    return this.#firstOf(this.#requireHolders(id), ({ store }) => store.sign(id, scheme, digest));
  }

  #requireHolders(id: string): Replica[] {
    checkObjectId(id);
    const holders = this.#holders(id);
    if (holders.length === 0) throw noSuchObject();
    return holders;
  }

  /** Every token is asked, not only those known to have it. */
  async destroyKey(id: string): Promise<boolean> {
    checkObjectId(id);
    return this.#locks.run(id, async () => {
      const named = new Set(this.replicas.map(({ label }) => label));
      const copies = copiesOf(this.#database, id);
      const elsewhere = copies.find(({ token }) => !named.has(token) && !this.#retired.has(token));
      const ready = new Set(
        copies.filter(({ state }) => state === "ready").map(({ token }) => token),
      );
      const outcomes = await Promise.allSettled(
        this.replicas.map((replica) => this.#destroyIn(replica, id, ready.has(replica.label))),
      );
      const failed = outcomes.find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
      if (elsewhere !== undefined) {
        throw unavailable(
          `The token "${elsewhere.token}" has a copy of the object and is neither in the settings nor retired.`,
        );
      }
      await this.#database.commit(() => forgetCopies(this.#database, id));
      return outcomes.some((outcome) => outcome.status === "fulfilled" && outcome.value);
    });
  }

  /**
   * A token that should have the object and has not may be another, or have its storage not mounted: what is in the right one would stay.
   * Once it was found, an absence only says that it was destroyed.
   */
  async #destroyIn({ label, store }: Replica, id: string, mustHaveIt: boolean): Promise<boolean> {
    await this.#underWay.get(`${id} ${label}`);
    if (mustHaveIt) {
      if (!(await store.hasObject(id))) {
        throw unavailable(
          `The token "${label}" lacks an object that it should have: it may be another token.`,
        );
      }
      await this.#database.commit(() => setCopy(this.#database, id, label, "destroying"));
    }
    return store.destroyKey(id);
  }

  async hasObject(id: string): Promise<boolean> {
    return (await this.#eachServing((store) => store.hasObject(id))).includes(true);
  }

  async removeHollowObjects(): Promise<number> {
    const counts = await this.#eachServing((store) => store.removeHollowObjects());
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Of the tokens that serve; an object that several have is there several times. */
  async listObjects(): Promise<readonly StoredObject[]> {
    return (await this.#eachServing((store) => store.listObjects())).flat();
  }

  async random(byteCount: number): Promise<Bytes> {
    checkRandomLength(byteCount);
    return this.#firstOf(this.#inTurn(), ({ store }) => store.random(byteCount));
  }

  /** All are asked, and any token that wraps and unwraps will do. */
  async prove(id: string): Promise<void> {
    await Promise.any(this.replicas.map(({ store }) => store.prove(id))).catch(
      ({ errors }: AggregateError) => {
        throw telling(errors);
      },
    );
  }

  /** Of the tokens that serve. One that is away proves itself when it comes back; one that answers wrongly is refused. */
  async selfTest(): Promise<SelfTestReport> {
    const failures: unknown[] = [];
    const reports = await Promise.all(
      this.replicas.map(async ({ label, store }) => {
        try {
          const report = await store.selfTest();
          return Object.entries(report).map(([name, value]) => [`${label}: ${name}`, value]);
        } catch (error) {
          if (!(error instanceof BridgeError) || error.code !== "hsm-unavailable") throw error;
          failures.push(error);
          return [];
        }
      }),
    );
    if (failures.length === this.replicas.length) throw telling(failures);
    return Object.fromEntries(reports.flat());
  }

  async close(): Promise<void> {
    await Promise.all(this.#healing.values());
    await Promise.all(this.replicas.map(({ store }) => store.close()));
  }

  #replica(label: string): Replica {
    const replica = this.replicas.find((one) => one.label === label);
    if (replica === undefined) throw new TypeError("no token of this label");
    return replica;
  }

  /** What fails in one token is not asked of the others' answers; that no token serves is an error. */
  async #eachServing<T>(work: (store: KeyStore) => Promise<T>): Promise<T[]> {
    const outcomes = await Promise.allSettled(this.replicas.map(({ store }) => work(store)));
    const values = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : [],
    );
    const failed = outcomes.find(({ status }) => status === "rejected");
    if (values.length === 0 && failed?.status === "rejected") throw failed.reason;
    return values;
  }

  async #firstOf(
    replicas: readonly Replica[],
    work: (replica: Replica) => Promise<Bytes>,
  ): Promise<Bytes> {
    const attempts = replicas.map((replica) => () => work(replica));
    return firstOf(attempts, PATIENCE_MS, wipe).catch((error: unknown) => {
      throw error instanceof AggregateError ? telling(error.errors) : error;
    });
  }
}

export function isServing({ store }: Replica): boolean {
  return store.tokens.every(({ state }) => state === "closed");
}

/** A wrapping that the token has opened again. */
async function wrapFor(
  { store }: Replica,
  id: string,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Promise<Bytes> {
  const wrapping = await store.aesGcmEncrypt(id, plaintext, associatedData);
  const again = await store.aesGcmDecrypt(id, wrapping, associatedData);
  const isSame = equalBytes(again, plaintext);
  wipe(again);
  if (!isSame) throw new BridgeError("internal", "The store does not open what it wrapped.");
  return ownBytes(wrapping);
}

/** Those that succeeded; throws what kept the others from it when they are fewer than needed, or an id was taken. */
function done<T>(settled: readonly Settled<string, T>[], needed: number) {
  const failures = settled.flatMap((one) => ("error" in one ? [one.error] : []));
  const succeeded = settled.flatMap((one) => ("value" in one ? [one] : []));
  const isTaken = failures.some(
    (error) => error instanceof BridgeError && error.code === "conflict",
  );
  if (isTaken || succeeded.length < needed) throw telling(failures);
  return succeeded;
}

/**
 * In this order: the first of them that any token said says most about all. What one that is away might have done comes before what the
 * others say of the bytes, which would sound final.
 */
const tellingCodes = ["conflict", "hsm-unavailable", "corrupt", "internal", "not-found"];

function telling(errors: readonly unknown[]): unknown {
  const codeOf = (error: unknown) => (error instanceof BridgeError ? error.code : null);
  for (const code of tellingCodes) {
    const found = errors.find((error) => codeOf(error) === code);
    if (found !== undefined) return found;
  }
  return errors[0] ?? unavailable("No token that serves has what is needed.");
}

function hashOf(sealed: Uint8Array): Buffer {
  return createHash("sha256").update(sealed).digest();
}

function unavailable(message: string): BridgeError {
  return new BridgeError("hsm-unavailable", message);
}

function noSuchObject(): BridgeError {
  return new BridgeError("not-found", "The store has no such object.");
}
