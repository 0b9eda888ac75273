/** Between a control plane and its database: passes everything on until it is told to break, also in the midst of a commit. */

import { connect, createServer, type Socket } from "node:net";

export type DatabaseProxy = {
  readonly port: number;
  /** Bytes of the connections that are open now vanish from now on, both ways, and nobody is told. */
  silenceOpen(): void;
  /** Likewise those of connections made from now on, until `false`. */
  silenceNew(isSilent: boolean): void;
  /**
   * Cuts the connection of the next commit.
   *
   * @param when whether the server gets the commit.
   * @returns when it has happened.
   */
  cutAtCommit(when: "before" | "after"): Promise<void>;
  close(): void;
};

/** A simple query (PostgreSQL "Message Formats"): `Q`, four bytes of length, the text, a zero. */
const commit = Buffer.from("Q\0\0\0\x0bcommit\0", "latin1");

export async function startDatabaseProxy(target: number): Promise<DatabaseProxy> {
  type Pair = { readonly client: Socket; readonly server: Socket; isSilent: boolean };
  const pairs = new Set<Pair>();
  let isSilent = false;
  let cut: { when: "before" | "after"; done: () => void } | null = null;

  const listener = createServer((client) => {
    const server = connect(target, "127.0.0.1");
    const pair: Pair = { client, server, isSilent };
    pairs.add(pair);
    const end = (): void => {
      // The end of a silent connection is not told either.
      if (pair.isSilent) return;
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (chunk: Buffer) => {
      if (pair.isSilent) return;
      if (cut !== null && chunk.includes(commit)) {
        const { when, done } = cut;
        cut = null;
        if (when === "before") {
          end();
          done();
        } else {
          server.removeAllListeners("data");
          // The server has answered: the commit is made, and only the caller does not know.
          server.once("data", () => {
            end();
            done();
          });
          server.write(chunk);
        }
        return;
      }
      server.write(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      if (!pair.isSilent) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    silenceOpen() {
      for (const pair of pairs) pair.isSilent = true;
    },
    silenceNew(silent) {
      isSilent = silent;
    },
    cutAtCommit: (when) =>
      new Promise((done) => {
        cut = { when, done };
      }),
    close() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      listener.close();
    },
  };
}
