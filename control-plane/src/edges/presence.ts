/**
 * Which instances this copy of the control plane has heard, written down once a second for all of them together, so that every
 * copy can say who is connected.
 */

import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { recordHeard } from "../db/queries/edge-instances.ts";

export interface Presence {
  /**
   * An instance was heard just now.
   *
   * @param reportedSeq the newest audit record that it named, when it named one.
   */
  heard(edge: string, instance: string, reportedSeq?: number): void;
  /** Writes down what was heard since the last time. What cannot be written is told the next time. */
  flush(): Promise<void>;
}

interface Entry {
  readonly edge: string;
  readonly instance: string;
  atMs: number;
  reportedSeq: number;
}

export function createPresence(database: Database, clock: Clock): Presence {
  let waiting = new Map<string, Entry>();
  const note = (entry: Entry): void => {
    const name = `${entry.edge}:${entry.instance}`;
    const before = waiting.get(name);
    if (before === undefined) {
      waiting.set(name, entry);
      return;
    }
    before.atMs = Math.max(before.atMs, entry.atMs);
    before.reportedSeq = Math.max(before.reportedSeq, entry.reportedSeq);
  };
  return {
    heard: (edge, instance, reportedSeq = 0) =>
      note({ edge, instance, atMs: clock(), reportedSeq }),
    async flush() {
      const entries = [...waiting.values()];
      waiting = new Map();
      if (entries.length === 0) return;
      const nowMs = clock();
      const heard = entries.map(({ atMs, ...entry }) => ({ ...entry, agoMs: nowMs - atMs }));
      try {
        await database.transaction((tx) => recordHeard(tx, heard));
      } catch (error) {
        entries.forEach(note);
        throw error;
      }
    },
  };
}
