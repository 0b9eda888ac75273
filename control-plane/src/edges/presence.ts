/**
 * Which instances this copy of the control plane has heard, written down once a second for all of them together, so that every
 * copy can say who is connected.
 */

import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { recordHeard } from "../db/queries/edge-instances.ts";

export interface Presence {
  /** An instance answered on the connection it holds. */
  connected(edge: string, instance: string): void;
  /**
   * An instance sent a request.
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
  connectedAtMs: number | null;
  reportedSeq: number;
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
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
    before.connectedAtMs = later(before.connectedAtMs, entry.connectedAtMs);
    before.reportedSeq = Math.max(before.reportedSeq, entry.reportedSeq);
  };
  return {
    connected: (edge, instance) =>
      note({ edge, instance, atMs: clock(), connectedAtMs: clock(), reportedSeq: 0 }),
    heard: (edge, instance, reportedSeq = 0) =>
      note({ edge, instance, atMs: clock(), connectedAtMs: null, reportedSeq }),
    async flush() {
      const entries = [...waiting.values()];
      waiting = new Map();
      if (entries.length === 0) return;
      const nowMs = clock();
      const heard = entries.map(({ atMs, connectedAtMs, ...entry }) => ({
        ...entry,
        agoMs: nowMs - atMs,
        connectedAgoMs: connectedAtMs === null ? null : nowMs - connectedAtMs,
      }));
      try {
        await database.transaction((tx) => recordHeard(tx, heard));
      } catch (error) {
        entries.forEach(note);
        throw error;
      }
    },
  };
}
