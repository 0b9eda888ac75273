/** The HTTP server around the routes. */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
} from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type WebSocketServerLike } from "@hono/node-server";
import { WebSocketServer } from "ws";
import type { createApp } from "./app.ts";
import { maxEdgeMessageBytes } from "./connections/connect-endpoint.ts";
import { keepHostAside } from "./http/raw-request.ts";

export interface RunningServer {
  readonly url: string;
  /** Takes no new connections, lets calls finish, cuts what is left after a while. */
  close(): Promise<void>;
}

const serverOptions: ServerOptions = {
  // GET requests carry up to 32 KB on the request line (contract §1.1), and all headers count against this.
  maxHeaderSize: 64 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000,
};

const closeTimeoutMs = 10_000;

export async function listen(
  app: ReturnType<typeof createApp>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningServer> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxEdgeMessageBytes });
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    // The types differ only in how they spell an absent option.
    websocket: { server: sockets as unknown as WebSocketServerLike },
    serverOptions,
    createServer: createRawServer as typeof createServer,
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    close: () => closeGently(server, sockets),
  };
}

/** A server that shows every request to `keepHostAside` before the framework builds a URL from its Host. */
function createRawServer(options: ServerOptions, listener: RequestListener): Server {
  return createServer(options, (incoming: IncomingMessage, outgoing) => {
    keepHostAside(incoming);
    listener(incoming, outgoing);
  });
}

async function closeGently(server: Server, sockets: WebSocketServer): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  for (const socket of sockets.clients) socket.terminate();
  await closed;
  clearTimeout(timer);
}
