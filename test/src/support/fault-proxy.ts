/**
 * A link between two parts that can be broken: it passes bytes on until it is told to refuse, reset, drop, slow down or corrupt
 * them. What it does then, networks do too.
 */

import { randomInt } from "node:crypto";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type LinkState =
  /** Passes everything on. */
  | "whole"
  /** Nobody listens, and connections that were open are reset. */
  | "refuse"
  /** Every connection is reset in the middle of an answer. */
  | "reset"
  /**
   * Bytes vanish in both directions, new connections included, and nobody is told. Connections from then stay dead for ever, as
   * after a firewall has forgotten them.
   */
  | "drop"
  /** Everything arrives late and in small pieces. */
  | "slow"
  /** One bit of every piece is another. */
  | "corrupt";

export type FaultProxy = {
  readonly port: number;
  become(state: LinkState): Promise<void>;
  close(): Promise<void>;
};

const SLOW_MS = 150;
const SLOW_PIECE_BYTES = 512;
/** An answer is reset after so many bytes at most. */
const RESET_WITHIN_BYTES = 200;

type Connection = {
  readonly client: Socket;
  readonly upstream: Socket;
  isDead: boolean;
  /** Whether the request under way has its own signature, and so has what answers it. */
  isSigned: boolean;
};

/** @param targets where the other part listens; of several, each connection takes the next that accepts it. */
export async function startFaultProxy(
  targets: readonly (() => NetConnectOpts)[],
): Promise<FaultProxy> {
  let state: LinkState = "whole";
  let turn = 0;
  const connections = new Set<Connection>();
  /** Made while bytes were dropped: nobody hears of them. */
  const unheard = new Set<Socket>();
  const reset = ({ client, upstream }: Connection): void => {
    client.resetAndDestroy();
    upstream.destroy();
  };

  const serve = async (client: Socket): Promise<void> => {
    client.on("error", () => client.destroy());
    if (state === "drop") {
      unheard.add(client);
      client.on("close", () => unheard.delete(client)).resume();
      return;
    }
    turn += 1;
    let upstream: Socket | null = null;
    for (let n = 0; n < targets.length && upstream === null; n++) {
      upstream = await reach(targets[(turn + n) % targets.length]);
    }
    if (upstream === null || client.destroyed) {
      client.resetAndDestroy();
      upstream?.destroy();
      return;
    }
    const connection: Connection = { client, upstream, isDead: false, isSigned: false };
    connections.add(connection);
    carry(connection, client, upstream);
    carry(connection, upstream, client);
  };

  /** One direction. Pieces keep their order, however long each takes. */
  const carry = (connection: Connection, from: Socket, to: Socket): void => {
    const isAnswer = from === connection.upstream;
    let before = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      if (connection.isDead) return;
      if (!isAnswer && /^(GET|POST) /.test(chunk.toString("latin1", 0, 5))) {
        connection.isSigned = chunk.toString("latin1", 0, 14) === "POST /edge/v1/";
      }
      const now = state;
      before = before.then(async () => {
        if (connection.isDead || to.destroyed) return;
        if (now === "slow") {
          for (let at = 0; at < chunk.length; at += SLOW_PIECE_BYTES) {
            await sleep(at === 0 ? SLOW_MS : SLOW_MS / 10);
            to.write(chunk.subarray(at, at + SLOW_PIECE_BYTES));
          }
        } else if (now === "reset" && isAnswer) {
          to.write(chunk.subarray(0, randomInt(Math.min(chunk.length, RESET_WITHIN_BYTES))));
          reset(connection);
        } else to.write(now === "corrupt" ? corrupted(chunk, connection.isSigned) : chunk);
      });
    });
    from.on("end", () => void before.then(() => connection.isDead || to.end()));
    from.on("error", () => from.destroy());
    from.on("close", () => {
      if (!connection.isDead) to.destroy();
      if (from.destroyed && to.destroyed) connections.delete(connection);
    });
    from.resume();
  };

  const open = async (port: number): Promise<Server> => {
    for (;;) {
      const server = createServer({ pauseOnConnect: true }, (client) => void serve(client));
      const error = await new Promise<Error | null>((resolve) => {
        server.once("error", resolve);
        server.listen(port, "127.0.0.1", () => resolve(null));
      });
      if (error === null) return server;
      // While nobody listened, some connection elsewhere may have been given the port.
      await sleep(20);
    }
  };
  let server = await open(0);
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const shut = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of connections) reset(connection);
    for (const client of unheard) client.resetAndDestroy();
    return closed;
  };
  return {
    port,
    async become(next) {
      const was = state;
      state = next;
      if (next === "drop") for (const connection of connections) connection.isDead = true;
      if (next === "refuse" && was !== "refuse") await shut();
      if (next !== "refuse" && was === "refuse") server = await open(port);
    },
    async close() {
      if (state !== "refuse") await shut();
    },
  };
}

/** Null when nobody is there, or nobody knows where. */
async function reach(target: (() => NetConnectOpts) | undefined): Promise<Socket | null> {
  return new Promise((resolve) => {
    let socket: Socket;
    try {
      if (target === undefined) throw new RangeError("no target");
      socket = connect(target());
    } catch {
      resolve(null);
      return;
    }
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

/**
 * Any bit of what is signed; else the highest of a byte, so that text stays no text: a digit that became another one would be
 * believed, and TLS is what prevents that.
 */
function corrupted(chunk: Buffer, isSigned: boolean): Buffer {
  const copy = Buffer.from(chunk);
  const at = randomInt(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (isSigned ? 1 << randomInt(8) : 0x80);
  return copy;
}
