/**
 * The connections that edge instances hold. Each gets all epochs of its accounts at the start, every newer one at once,
 * and a heartbeat a second.
 *
 * A heartbeat says "what you know of the epochs is true now": it is sent only after the database was read, by a reading that took a
 * second at most. A control plane that has lost its database falls silent, and after 5 s its edges count as not connected (P2). So
 * does an edge that answers heartbeats more than 5 s old: what it knows is older than the promise.
 */

import {
  type CallRates,
  type ControlMessage,
  compareEpochs,
  DISCONNECTED_AFTER_MS,
  type EdgeMessage,
  type Epoch,
  edgeMessage,
  HEARTBEAT_MS,
} from "@edge-kms/protocol";
import * as v from "valibot";
import type { Clock } from "../clock.ts";
import type { EdgeDirectory } from "../edges/directory.ts";
import type { Presence } from "../edges/presence.ts";
import { repeat } from "../jobs/recurring.ts";
import type { Log } from "../log.ts";
import type { AdmittedEdge } from "./connect-endpoint.ts";
import type { Epochs, EpochWatch } from "./epochs.ts";
import type { FreezeWatch } from "./freezes.ts";

/** What the hub needs of a WebSocket. */
export interface Socket {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that wait to be sent. */
  bufferedBytes(): number;
}

export interface Hub {
  /** Takes over a connection of an authenticated edge. */
  attach(admitted: AdmittedEdge, socket: Socket): Attached;
  /** Closes all connections. */
  close(): void;
}

export interface Attached {
  receive(text: string): void;
  closed(): void;
}

interface Connection {
  readonly edge: string;
  readonly instance: string;
  readonly accounts: ReadonlySet<string>;
  readonly socket: Socket;
  /** Newest epoch sent, by account; null until `hello`. */
  sent: Map<string, Epoch> | null;
  pingId: number;
  /** When heartbeats that are not answered were sent, by id. */
  readonly pings: Map<number, number>;
  /** When the newest heartbeat that it answered was sent: what was sent before, it has. */
  heardUntilMs: number;
}

/** A peer that does not read is cut off before its messages fill the memory. */
const maxBufferedBytes = 64 * 1024;

export interface HubServices {
  readonly epochs: EpochWatch;
  readonly directory: Pick<EdgeDirectory, "find">;
  readonly freezes: Pick<FreezeWatch, "frozenEdges">;
  readonly presence: Presence;
  readonly clock: Clock;
  readonly log: Log;
  readonly callRates: CallRates;
  /** HEARTBEAT_MS when absent. */
  readonly heartbeatMs?: number | undefined;
}

export function createHub(services: HubServices): Hub {
  const { epochs, directory, freezes, presence, clock, log, callRates, heartbeatMs } = services;
  const connections = new Set<Connection>();

  const send = (connection: Connection, message: ControlMessage): void => {
    if (connection.socket.bufferedBytes() > maxBufferedBytes) {
      drop(connection, 1013, "not reading");
      return;
    }
    connection.socket.send(JSON.stringify(message));
  };
  const drop = (connection: Connection, code: number, reason: string): void => {
    if (!connections.delete(connection)) return;
    log.info("edge disconnected", { edge: connection.edge, reason });
    connection.socket.close(code, reason);
  };
  const deliver = (connection: Connection, current: Epochs): void => {
    const own = [...current].filter(([account]) => connection.accounts.has(account));
    if (connection.sent === null) {
      connection.sent = new Map(own);
      send(connection, {
        type: "hello",
        epochs: own.map(([account, epoch]) => ({ account, epoch })),
        rates: callRates,
      });
      return;
    }
    for (const [account, epoch] of own) {
      const before = connection.sent.get(account);
      if (before !== undefined && compareEpochs(epoch, before) <= 0) continue;
      connection.sent.set(account, epoch);
      send(connection, { type: "epoch", account, epoch });
    }
  };
  epochs.onRefresh((current) => {
    for (const connection of connections) deliver(connection, current);
  });

  const beat = async (): Promise<void> => {
    if (connections.size === 0) return;
    await epochs.refresh();
    for (const connection of connections) {
      if (clock() - connection.heardUntilMs > DISCONNECTED_AFTER_MS) {
        drop(connection, 1001, "no answer");
      } else if (connection.sent !== null) {
        connection.pingId += 1;
        connection.pings.set(connection.pingId, clock());
        send(connection, { type: "ping", id: connection.pingId });
      }
    }
  };
  // On its own: heartbeats tell of the database and do not wait for the bridge, which may be slow to answer.
  const dropFrozen = async (): Promise<void> => {
    const frozen = freezes.frozenEdges();
    for (const connection of connections) {
      const edge = await directory.find(connection.edge).catch(() => undefined);
      if (edge !== null && !frozen.has(connection.edge)) continue;
      // Before it is cut off it hears of the epoch that ends its leases; they would last until they expire otherwise.
      await epochs.refresh();
      drop(connection, 1008, "not permitted");
    }
  };
  const everyMs = heartbeatMs ?? HEARTBEAT_MS;
  const jobs = [
    repeat("heartbeat", everyMs, beat, log),
    repeat("frozen edges", everyMs, dropFrozen, log),
    repeat("presence of edges", everyMs, () => presence.flush(), log),
  ];

  return {
    attach({ edge, instance }, socket) {
      const connection: Connection = {
        edge: edge.edge,
        instance,
        accounts: edge.accounts,
        socket,
        sent: null,
        pingId: 0,
        pings: new Map(),
        heardUntilMs: clock(),
      };
      connections.add(connection);
      log.info("edge connected", { edge: edge.edge });
      // With the hello all epochs are on their way; whoever asks need not wait a second to hear that it is there.
      epochs
        .refresh()
        .then(() => {
          if (!connections.has(connection)) return;
          presence.connected(connection.edge, instance);
          return presence.flush();
        })
        .catch(() => drop(connection, 1011, "unavailable"));
      return {
        receive(text) {
          const message = readEdgeMessage(text);
          if (message === null) return drop(connection, 1008, "malformed message");
          const sentAtMs = connection.pings.get(message.id);
          if (sentAtMs === undefined) return;
          for (const id of connection.pings.keys()) {
            if (id <= message.id) connection.pings.delete(id);
          }
          connection.heardUntilMs = sentAtMs;
          if (clock() - sentAtMs > DISCONNECTED_AFTER_MS) return;
          presence.connected(connection.edge, connection.instance);
        },
        closed: () => drop(connection, 1000, "closed"),
      };
    },
    close() {
      for (const job of jobs) void job.stop();
      for (const connection of [...connections]) drop(connection, 1001, "shutting down");
    },
  };
}

function readEdgeMessage(text: string): EdgeMessage | null {
  try {
    const parsed = v.safeParse(edgeMessage, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
