/**
 * Between an edge and its control plane: carries requests and the held connection, and fails as networks do when a test says so.
 */

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/**
 * What becomes of a request: `pass`; `lose-answer`, it arrives and nobody hears what came of it; `lose`, it does not arrive.
 */
export type Fate = "pass" | "lose-answer" | "lose";

export type Courier = {
  readonly port: number;
  /** Decides on each request by its path; everything passes until a test says otherwise. */
  fate: (path: string) => Fate;
  /** Paths of the requests that were sent, whatever their fate, with their bodies. */
  readonly seen: { readonly path: string; readonly body: string }[];
  close(): void;
};

export async function startCourier(controlPlanePort: number): Promise<Courier> {
  const sockets = new Set<Socket>();
  const seen: Courier["seen"] = [];
  const place = { host: "127.0.0.1", port: controlPlanePort };

  const carry = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/", headers } = from;
    const chunks: Buffer[] = [];
    for await (const chunk of from as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    seen.push({ path, body: body.toString("utf8") });
    const fate = courier.fate(path);
    if (fate === "lose") return void from.socket.destroy();
    const sent = request({ ...place, method, path, headers, setHost: false }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
      if (fate === "lose-answer") return void from.socket.destroy();
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      to.end(Buffer.concat(parts));
    });
    sent.on("error", () => from.socket.destroy());
    sent.end(body);
  };

  const server = createServer((from, to) => {
    carry(from, to).catch(() => from.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.on("upgrade", (from: IncomingMessage, socket: Socket, head: Buffer) => {
    const { method = "GET", url: path = "/", headers } = from;
    if (courier.fate(path) !== "pass") return void socket.destroy();
    const sent = request({ ...place, method, path, headers, setHost: false });
    sent.on("upgrade", (answer, upstream) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      upstream.on("error", () => socket.destroy());
      upstream.on("close", () => socket.destroy());
      socket.on("close", () => upstream.destroy());
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    sent.on("response", () => socket.destroy());
    sent.on("error", () => socket.destroy());
    sent.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const courier: Courier = {
    port: (server.address() as AddressInfo).port,
    fate: () => "pass",
    seen,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return courier;
}
