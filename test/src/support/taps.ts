/** Taps between the parts: they pass everything on and remember every byte, in the clear. */

import { readFileSync } from "node:fs";
import { connect as connectTcp, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";

export type Tap = {
  readonly port: number;
  /** What passed so far: one buffer per direction of each connection. */
  captured(): Buffer[];
  close(): void;
};

type Join = (client: Socket | TLSSocket) => Socket | TLSSocket;

function listen(
  server: ReturnType<typeof createTcpServer>,
  event: "connection" | "secureConnection",
  reach: Join,
): Promise<Tap> {
  const streams: Buffer[][] = [];
  const sockets = new Set<Socket>();
  server.on(event, (client: Socket) => {
    const upstream = reach(client);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      const stream: Buffer[] = [];
      streams.push(stream);
      sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        stream.push(chunk);
        to.write(chunk);
      });
      from.on("end", () => to.end());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on("error", () => to.destroy());
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" ? (address?.port ?? 0) : 0,
        captured: () => streams.map((chunks) => Buffer.concat(chunks)),
        close() {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      });
    });
  });
}

/** Between edge and control plane: plain HTTP on loopback. */
export function tapTcp(port: number): Promise<Tap> {
  return listen(createTcpServer(), "connection", () => connectTcp(port, "127.0.0.1"));
}

/**
 * Between control plane and bridge: the tap is the bridge to the one and the control plane to the other, with the
 * certificates in the home, so it reads what mTLS hides from everybody else.
 */
export function tapMutualTls(home: string, port: number): Promise<Tap> {
  const read = (name: string) => readFileSync(join(home, "pki", name));
  const server = createTlsServer({
    key: read("bridge.key"),
    cert: read("bridge.crt"),
    ca: read("ca.crt"),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["http/1.1"],
  });
  return listen(server, "secureConnection", () =>
    connectTls({
      port,
      host: "127.0.0.1",
      key: read("control-plane.key"),
      cert: read("control-plane.crt"),
      ca: read("ca.crt"),
      ALPNProtocols: ["http/1.1"],
    }),
  );
}
