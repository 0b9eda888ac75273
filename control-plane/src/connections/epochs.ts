/**
 * The policy epochs of all accounts as this copy knows them: read when another copy tells of a change (NOTIFY), and once
 * a second in any case, so that a lost notice costs a second and not a promise.
 */

import type { Epoch } from "@edge-kms/protocol";
import type { Bridge } from "../bridge/client.ts";
import { type Database, DatabaseError, type Listener } from "../db/index.ts";
import { epochChannel, raiseEpochsToAtLeast, readEpochs } from "../db/queries/accounts.ts";
import { describeError, type Log } from "../log.ts";

export type Epochs = ReadonlyMap<string, Epoch>;

/** A reading that took longer is not used. */
const staleAfterMs = 1_000;

export interface EpochWatch {
  /**
   * Reads the database. What it returns was true at some moment after the call, and a second ago at most.
   *
   * @throws DatabaseError when it cannot be known in time.
   */
  refresh(): Promise<Epochs>;
  /** Calls back after each reading, whoever caused it. */
  onRefresh(listener: (epochs: Epochs) => void): void;
  close(): Promise<void>;
}

/** Starts to listen for notices. */
export async function watchEpochs(database: Database, log: Log): Promise<EpochWatch> {
  const listeners: ((epochs: Epochs) => void)[] = [];
  let running: Promise<Epochs> | null = null;
  let next: Promise<Epochs> | null = null;

  const read = async (): Promise<Epochs> => {
    let askedMs = 0;
    const rows = await database.readPromptly((db) => {
      askedMs = performance.now();
      return readEpochs(db);
    });
    // A heartbeat on the strength of it would have edges believe for 5 s more what was true so long ago.
    if (performance.now() - askedMs > staleAfterMs) {
      throw new DatabaseError("unavailable", "stale", undefined);
    }
    const epochs = new Map(rows.map(({ account, epoch }) => [account, epoch]));
    for (const listener of listeners) listener(epochs);
    return epochs;
  };
  // A reading under way may have begun before the change it is asked about: queue one more behind it, and only one.
  const refresh = (): Promise<Epochs> => {
    if (running === null) {
      const current = read().finally(() => {
        if (running === current) running = null;
      });
      running = current;
      return current;
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        return refresh();
      });
    return next;
  };
  const listener: Listener = await database.listen(epochChannel, () => {
    refresh().catch((error: unknown) => log.warn("epochs not read", describeError(error)));
  });
  return {
    refresh,
    onRefresh: (callback) => void listeners.push(callback),
    close: () => listener.close(),
  };
}

/**
 * Raises the epochs of the database to what the bridge has seen: at start, and whenever the bridge finds one too old. A
 * bridge of an older generation than the database knows was restored from a backup; until it is a new generation, it
 * grants nothing.
 */
export async function raiseEpochsFromBridge(
  database: Database,
  bridge: Pick<Bridge, "call">,
  log: Log,
): Promise<void> {
  const { generation, epochs } = await bridge.call("status", {});
  await database.transaction((tx) => raiseEpochsToAtLeast(tx, generation, epochs));
  const known = await database.read(readEpochs);
  if (known.some(({ epoch }) => epoch.generation > generation)) {
    log.error("the bridge is of an older generation than the database and grants nothing");
  }
}
