/** `GET /edge/v1/connect`: an edge opens the connection it holds. */

import { CONNECT_HEADER, connectRequest, signedMessageTypes } from "@edge-kms/protocol";
import { upgradeWebSocket } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { WebSocket } from "ws";
import { type EdgeAnswer, refusedEdge } from "../edges/answers.ts";
import { authenticateEdge, type EdgeAuthentication } from "../edges/authenticate.ts";
import type { Edge } from "../edges/directory.ts";
import { decodeHeader } from "../signed-messages/signed-messages.ts";
import type { Hub } from "./hub.ts";

export const connectPath = "/edge/v1/connect";

/** Messages of edges are a few dozen bytes. */
export const maxEdgeMessageBytes = 1024;

/** An instance of an enrolled edge that may hold a connection. */
export interface AdmittedEdge {
  readonly edge: Edge;
  readonly instance: string;
}

/** The instance that signed the hello in the request's header, or the refusal of it. */
export async function admitConnection(
  services: EdgeAuthentication,
  header: string | undefined,
): Promise<AdmittedEdge | { refusal: EdgeAnswer }> {
  const input = header === undefined ? undefined : decodeHeader(header);
  const { connect } = signedMessageTypes;
  const hello = await authenticateEdge(services, input, connect, connectRequest, (h) => h.edge);
  if (!hello.ok) return { refusal: refusedEdge(hello.reason) };
  if (hello.edge.isFrozen) return { refusal: refusedEdge("frozen") };
  return { edge: hello.edge, instance: hello.payload.instance };
}

/** Upgrades an admitted request and gives the socket to the hub. */
export function upgradeToHub(
  hub: Hub,
  admittedOf: (c: Context) => AdmittedEdge,
): MiddlewareHandler {
  return upgradeWebSocket((c) => {
    const admitted = admittedOf(c);
    let attached: ReturnType<Hub["attach"]> | null = null;
    return {
      onOpen(_event, ws) {
        const raw = ws.raw as WebSocket;
        attached = hub.attach(admitted, {
          send: (text) => ws.send(text),
          close(code, reason) {
            ws.close(code, reason);
            // A peer that is gone never answers the close.
            setTimeout(() => raw.terminate(), 1_000).unref();
          },
          bufferedBytes: () => raw.bufferedAmount,
        });
      },
      onMessage(event) {
        attached?.receive(typeof event.data === "string" ? event.data : "");
      },
      onClose: () => attached?.closed(),
      onError: () => attached?.closed(),
    };
  });
}

export { CONNECT_HEADER };
