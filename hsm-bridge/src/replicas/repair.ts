/**
 * Gives tokens that serve what they lack: keys of their own for objects that were made without them, and wrappings under those of all
 * that is sealed. At start, every minute, and when one is back; a token that was away, or is new, is a full one when this has nothing
 * left to do.
 */

import { toBridgeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import {
  isCopyable,
  objectsLackingIn,
  objectsWithCopyIn,
  removeUnfinishedSeal,
  type UnfinishedSeal,
  unfinishedSeals,
} from "../registry/copies.ts";
import type { Database } from "../registry/database.ts";
import { isServing, type Replica, type ReplicatedStore } from "./replicated-store.ts";
import { sealedUnder } from "./sealed-under.ts";

export const REPAIR_MS = 60_000;
/** Whether a token is back is looked up in memory. */
const LOOK_MS = 250;
/** Of a long copy so many objects at a time are told. */
const PROGRESS_EVERY = 1_000;
/** Unfinished seals are read so many at a time: while a token is away they may become many. */
const PAGE = 500;

interface RepairedBridge {
  readonly database: Database;
  readonly logger: Logger;
}

/** One pass over all tokens. What one fails to do is logged and left to the next pass. */
export async function repair(
  bridge: RepairedBridge,
  store: ReplicatedStore,
  signal: AbortSignal,
): Promise<void> {
  const passes = store.replicas.map((replica) => new Pass(bridge, replica, signal));
  for (const pass of passes) await copyObjects(bridge, store, pass);
  let after: Uint8Array = new Uint8Array();
  for (;;) {
    const page = unfinishedSeals(bridge.database, after, PAGE);
    const last = page.at(-1);
    if (last === undefined || signal.aborted) break;
    after = last.sealedHash;
    for (const row of page) for (const pass of passes) await copySeal(store, pass, row);
    await forgetFinished(bridge, store, page);
  }
  for (const pass of passes) {
    store.noteLacks(pass.token, objectsLackingIn(bridge.database, pass.token).length + pass.lacks);
    pass.tell();
  }
}

/** What one token is given in a pass. */
class Pass {
  readonly replica: Replica;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #given = { objects: 0, wrappings: 0, failed: 0 };
  /** Sealed bytes that it still lacks. */
  lacks = 0;

  constructor({ logger }: RepairedBridge, replica: Replica, signal: AbortSignal) {
    this.replica = replica;
    this.#logger = logger;
    this.#signal = signal;
  }

  get token(): string {
    return this.replica.label;
  }

  get objects(): number {
    return this.#given.objects;
  }

  /** False when nothing was done: the token does not serve, the bridge ends, or the token failed it. */
  async attempt(
    objectId: string,
    work: () => Promise<{ objects: number; wrappings: number }>,
  ): Promise<boolean> {
    if (this.#signal.aborted || !isServing(this.replica)) return false;
    try {
      const { objects, wrappings } = await work();
      this.#given.objects += objects;
      this.#given.wrappings += wrappings;
      return true;
    } catch (error) {
      // Of many that fail for one reason the first is told.
      if (this.#given.failed === 0) {
        const { code } = toBridgeError(error);
        this.#logger.warn("a token cannot be given a copy", { token: this.token, objectId, code });
      }
      this.#given.failed += 1;
      return false;
    }
  }

  tell(): void {
    const { objects, wrappings, failed } = this.#given;
    if (objects + wrappings + failed === 0) return;
    this.#logger.info("a token was given copies", { token: this.token, ...this.#given });
  }
}

async function copyObjects(
  { database, logger }: RepairedBridge,
  store: ReplicatedStore,
  pass: Pass,
): Promise<void> {
  const { token } = pass;
  const lacking = objectsLackingIn(database, token);
  for (const objectId of lacking) {
    const isCopied = await pass.attempt(objectId, async () => {
      const all = () => sealedUnder(database, objectId);
      const copied = await store.copyObject(token, objectId, all);
      return copied === null ? { objects: 0, wrappings: 0 } : { objects: 1, ...copied };
    });
    if (!isCopied || pass.objects % PROGRESS_EVERY > 0) continue;
    store.noteLacks(token, lacking.length - pass.objects);
    logger.info("a token is given copies", { token, objects: pass.objects, of: lacking.length });
  }
}

async function copySeal(store: ReplicatedStore, pass: Pass, row: UnfinishedSeal): Promise<void> {
  if (!store.lacksWrapping(pass.token, row)) return;
  const isCopied = await pass.attempt(row.objectId, async () => {
    await store.copySealed(pass.token, row.objectId, row);
    return { objects: 0, wrappings: 1 };
  });
  if (!isCopied) pass.lacks += 1;
}

/** Seals that every token can open, or never will: of imported material, which cannot be copied. */
async function forgetFinished(
  { database }: RepairedBridge,
  store: ReplicatedStore,
  seals: readonly UnfinishedSeal[],
): Promise<void> {
  const finished = seals.filter(
    (row) =>
      !store.replicas.some(({ label }) => store.lacksWrapping(label, row)) &&
      (store.isInEveryToken(row.objectId) || !isCopyable(database, row.objectId)),
  );
  if (finished.length === 0) return;
  await database.commit(() => {
    for (const { sealedHash } of finished) removeUnfinishedSeal(database, sealedHash);
  });
}

/** Objects that a token had and has no more: somebody took them away, or this is another token of the same label. */
export async function reportLost(
  { database, logger }: RepairedBridge,
  store: ReplicatedStore,
): Promise<void> {
  for (const replica of store.replicas.filter(isServing)) {
    const present = new Set((await replica.store.listObjects()).map(({ id }) => id));
    const lost = objectsWithCopyIn(database, replica.label).filter((id) => !present.has(id));
    if (lost.length === 0) continue;
    logger.error("objects are missing in a token: give a new token a new label", {
      token: replica.label,
      missing: lost.length,
      objectId: lost[0] ?? "",
    });
  }
}

/**
 * At once, every `everyMs`, and when a token begins to serve again: until it has its copies the keys that were made without it are in
 * fewer tokens than they should be. Answers what stops it; resolved, nothing is under way any more.
 */
export function startRepair(
  bridge: RepairedBridge,
  store: ReplicatedStore,
  everyMs: number,
): () => Promise<void> {
  const stopped = new AbortController();
  let underWay: Promise<void> | null = null;
  let nextMs = 0;
  let servingBefore: readonly Replica[] = [];
  const look = (): void => {
    if (underWay !== null) return;
    const serving = store.replicas.filter(isServing);
    const isBack = serving.some((replica) => !servingBefore.includes(replica));
    servingBefore = serving;
    if (!isBack && performance.now() < nextMs) return;
    nextMs = performance.now() + everyMs;
    underWay = repair(bridge, store, stopped.signal)
      .catch((error: unknown) => {
        bridge.logger.error("the repair of tokens failed", { code: toBridgeError(error).code });
      })
      .finally(() => {
        underWay = null;
      });
  };
  look();
  const timer = setInterval(look, Math.min(everyMs, LOOK_MS));
  return async () => {
    clearInterval(timer);
    stopped.abort();
    await underWay;
  };
}
