/**
 * Gives tokens that serve what they lack: keys of their own for objects that were made without them, and wrappings under those of all
 * that is sealed. At start, every minute, and when one is back; a token that was away, or is new, is a full one when this has nothing
 * left to do.
 */

import { setImmediate } from "node:timers/promises";
import { toBridgeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import {
  countUnfinishedSeals,
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
  const { database } = bridge;
  const seals = countUnfinishedSeals(database);
  const labels = store.replicas.map(({ label }) => label);
  const passes = store.replicas.map((replica) => {
    const others = labels.filter((label) => label !== replica.label);
    return new Pass(
      bridge,
      store,
      replica,
      objectsLackingIn(database, replica.label, others),
      seals,
    );
  });
  for (const pass of passes) await pass.copyObjects(database, signal);
  await copySeals(bridge, store, passes, signal);
  for (const pass of passes) pass.end();
}

/** Page by page, so that everything else has its turn. */
async function copySeals(
  { database }: RepairedBridge,
  store: ReplicatedStore,
  passes: readonly Pass[],
  signal: AbortSignal,
): Promise<void> {
  let after: Uint8Array = new Uint8Array();
  for (;;) {
    const page = unfinishedSeals(database, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.sealedHash;
    for (const row of page) for (const pass of passes) await pass.copySeal(row, signal);
    if (passes.every(({ replica }) => isServing(replica))) {
      await forgetFinished(database, store, page);
    }
    await setImmediate();
  }
}

/** What one token is given in a pass. `lacks` of the store follows it. */
class Pass {
  readonly replica: Replica;
  readonly #store: ReplicatedStore;
  readonly #logger: Logger;
  readonly #lacking: readonly string[];
  readonly #given = { objects: 0, wrappings: 0, failed: 0 };
  #objects: number;
  /** Until the pass ends all that there are: rather too many are told of than too few. */
  #seals: number;
  #sealsLeft = 0;

  constructor(
    { logger }: RepairedBridge,
    store: ReplicatedStore,
    replica: Replica,
    lacking: readonly string[],
    seals: number,
  ) {
    this.replica = replica;
    this.#store = store;
    this.#logger = logger;
    this.#lacking = lacking;
    this.#objects = lacking.length;
    this.#seals = seals;
    this.#note();
  }

  #note(): void {
    this.#store.noteLacks(this.replica.label, this.#objects + this.#seals);
  }

  async copyObjects(database: Database, signal: AbortSignal): Promise<void> {
    const { label: token } = this.replica;
    for (const objectId of this.#lacking) {
      const isDone = await this.#attempt(objectId, signal, async () => {
        const all = () => sealedUnder(database, objectId);
        const copied = await this.#store.copyObject(token, objectId, all);
        if (copied === null) return;
        this.#given.objects += 1;
        this.#given.wrappings += copied.wrappings;
      });
      if (!isDone) continue;
      this.#objects -= 1;
      this.#note();
      const { objects } = this.#given;
      if (objects === 0 || objects % PROGRESS_EVERY > 0) continue;
      this.#logger.info("a token is given copies", { token, objects, of: this.#lacking.length });
    }
  }

  async copySeal(row: UnfinishedSeal, signal: AbortSignal): Promise<void> {
    const { label } = this.replica;
    if (isServing(this.replica) && !this.#store.lacksWrapping(label, row)) return;
    const isDone = await this.#attempt(row.objectId, signal, async () => {
      await this.#store.copySealed(label, row.objectId, row);
      this.#given.wrappings += 1;
    });
    if (!isDone) this.#sealsLeft += 1;
  }

  /** False when it was not done: the token does not serve, the bridge ends, or the work failed. */
  async #attempt(
    objectId: string,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<boolean> {
    if (signal.aborted || !isServing(this.replica)) return false;
    try {
      await work();
      return true;
    } catch (error) {
      // Of many that fail for one reason the first is told.
      if (this.#given.failed === 0) {
        const { code } = toBridgeError(error);
        const token = this.replica.label;
        this.#logger.warn("a token cannot be given a copy", { token, objectId, code });
      }
      this.#given.failed += 1;
      return false;
    }
  }

  end(): void {
    this.#seals = this.#sealsLeft;
    this.#note();
    const { objects, wrappings, failed } = this.#given;
    if (objects + wrappings + failed === 0) return;
    this.#logger.info("a token was given copies", { token: this.replica.label, ...this.#given });
  }
}

/** Seals that every token can open, or never will: of imported material, which cannot be copied. */
async function forgetFinished(
  database: Database,
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

/**
 * Objects that a token had and has no more: somebody took them away, its storage is not mounted, or this is another token of the same
 * label. Told when it begins to serve.
 */
export async function reportLost(
  { database, logger }: RepairedBridge,
  store: ReplicatedStore,
  { label, store: own }: Replica,
): Promise<void> {
  try {
    const before = objectsWithCopyIn(database, label);
    const present = new Set((await own.listObjects()).map(({ id }) => id));
    // Made or destroyed while the token was listing: not lost.
    const after = new Set(objectsWithCopyIn(database, label));
    const lost = before.filter((id) => after.has(id) && !present.has(id));
    store.noteMissing(label, lost.length);
    const [objectId] = lost;
    if (objectId === undefined) return;
    logger.error("objects are missing in a token: give a new token a new label", {
      token: label,
      missing: lost.length,
      objectId,
    });
  } catch (error) {
    logger.warn("a token does not list its objects", {
      token: label,
      code: toBridgeError(error).code,
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
    const back = serving.filter((replica) => !servingBefore.includes(replica));
    servingBefore = serving;
    if (back.length === 0 && performance.now() < nextMs) return;
    nextMs = performance.now() + everyMs;
    const repaired = repair(bridge, store, stopped.signal);
    const looked = back.map((replica) => reportLost(bridge, store, replica));
    underWay = Promise.all([repaired, ...looked])
      .then(() => {})
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
