/** The HTTP server around the routes: plain, or with TLS of its own. */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type WebSocketServerLike } from "@hono/node-server";
import { WebSocketServer } from "ws";
import type { createApp } from "./app.ts";
import { connectPath, maxEdgeMessageBytes } from "./connections/connect-endpoint.ts";
import { keepHostAside } from "./http/raw-request.ts";

/** PEM: a certificate, with those that vouch for it behind it, and its key. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface RunningServer {
  readonly url: string;
  /** Takes no new connections, lets calls finish, cuts what is left after a while. */
  close(): Promise<void>;
}

const serverOptions: ServerOptions = {
  // All headers count against this. GET requests carry up to 32 KB on the request line (contract §1.1); a forwarded one has
  // it twice: in the forwarder's signed header it is in base64 in base64, 57 KB.
  maxHeaderSize: 128 * 1024,
  // Anything else that asks for an upgrade is answered as if it had not. A socket that was given up for an upgrade is
  // under none of the time limits below.
  shouldUpgradeCallback: ({ url, headers }) =>
    url === connectPath && headers.upgrade?.toLowerCase() === "websocket",
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000,
};

const closeTimeoutMs = 10_000;

export async function listen(
  app: ReturnType<typeof createApp>,
  { host, port }: { readonly host: string; readonly port: number },
  tls: TlsIdentity | null,
): Promise<RunningServer> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxEdgeMessageBytes });
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    // The types differ only in how they spell an absent option.
    websocket: { server: sockets as unknown as WebSocketServerLike },
    serverOptions,
    createServer: rawServer(tls) as typeof createServer,
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
    url: `${tls === null ? "http" : "https"}://${name}:${address.port}`,
    close: () => closeGently(server, sockets),
  };
}

/** A server that shows every request to `keepHostAside` before the framework builds a URL from its Host. */
function rawServer(tls: TlsIdentity | null) {
  return (options: ServerOptions, listener: RequestListener): Server => {
    const listen = (incoming: IncomingMessage, outgoing: Parameters<RequestListener>[1]): void => {
      keepHostAside(incoming);
      listener(incoming, outgoing);
    };
    return tls === null
      ? createServer(options, listen)
      : createTlsServer({ ...options, ...tls, minVersion: "TLSv1.2" }, listen);
  };
}

async function closeGently(server: Server, sockets: WebSocketServer): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  for (const socket of sockets.clients) socket.terminate();
  await closed;
  clearTimeout(timer);
}
