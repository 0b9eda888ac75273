/**
 * Enrolled edges, as the bridge lists them (the enrolment itself is the bridge's record). Cached; asked for again when
 * an edge is unknown or frozen, at most once a second, and in any case every ten seconds.
 */

import type { KeyObject } from "node:crypto";
import type { Bridge } from "../bridge/client.ts";
import type { Clock } from "../clock.ts";
import { importPublicKey } from "../signed-messages/ed25519.ts";

export interface Edge {
  readonly edge: string;
  readonly publicKey: KeyObject;
  readonly accounts: ReadonlySet<string>;
  readonly regions: ReadonlySet<string>;
  readonly isFrozen: boolean;
  readonly group: string;
  readonly enrolledAtMs: number;
}

export interface EdgeDirectory {
  /** The edge of that name, null when none is enrolled. @throws BridgeError when the list cannot be had. */
  find(edge: string): Promise<Edge | null>;
  /** All edges, read anew: what was frozen or enrolled before the call is in it. @throws BridgeError. */
  list(): Promise<Edge[]>;
  /** The edges that an account is enrolled with, by name, as the bridge has them now. @throws BridgeError. */
  ofAccount(account: string): Promise<Edge[]>;
}

const minRefreshMs = 1_000;
const maxAgeMs = 10_000;
const maxAgeWithoutBridgeMs = 300_000;

export function createEdgeDirectory(bridge: Pick<Bridge, "call">, clock: Clock): EdgeDirectory {
  let edges = new Map<string, Edge>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;

  const read = async (): Promise<void> => {
    triedAtMs = clock();
    const list = await bridge.call("listEdges", {});
    const next = new Map<string, Edge>();
    for (const row of list.edges) {
      const publicKey = importPublicKey(row.publicKey);
      if (publicKey === null) continue;
      next.set(row.edge, {
        edge: row.edge,
        publicKey,
        accounts: new Set(row.accounts),
        regions: new Set(row.regions),
        isFrozen: row.frozen,
        group: row.group,
        enrolledAtMs: row.enrolledAtMs,
      });
    }
    edges = next;
    readAtMs = triedAtMs;
  };
  const refresh = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  return {
    async list() {
      // A reading under way may have begun before what the caller has heard of.
      await reading?.catch(() => undefined);
      await refresh();
      return [...edges.values()];
    },
    async ofAccount(account) {
      // Who asks has a person waiting who may have enrolled or frozen an edge a moment ago.
      if (clock() - readAtMs >= minRefreshMs) await refresh();
      return [...edges.values()]
        .filter(({ accounts }) => accounts.has(account))
        .sort((a, b) => (a.edge < b.edge ? -1 : 1));
    },
    async find(name) {
      const ageMs = clock() - readAtMs;
      if (ageMs >= maxAgeMs) {
        // Leases, credentials and calls need the bridge in any case; audit records should get through without it.
        await refresh().catch((error: unknown) => {
          if (ageMs >= maxAgeWithoutBridgeMs || !edges.has(name)) throw error;
        });
      }
      const known = edges.get(name);
      const isSettled = known !== undefined && !known.isFrozen;
      if (isSettled || clock() - triedAtMs < minRefreshMs) return known ?? null;
      await refresh();
      return edges.get(name) ?? null;
    },
  };
}
