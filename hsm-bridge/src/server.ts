/**
 * The bridge's door: HTTPS with TLS 1.3 only (RFC 8446) and client certificates of the bridge's own CA; the subject CN is
 * the role. POST for everything, JSON in and out, both checked against `bridgeApi`.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type BridgeCall, type BridgeRole, bridgeApi, utf8DecodeStrict } from "@edge-kms/protocol";
import * as v from "valibot";
import type { Bridge, Caller } from "./bridge.ts";
import { BridgeError, StartupError, toBridgeError } from "./errors.ts";
import { describeError } from "./log.ts";
import { operations } from "./operations/index.ts";
import type { ServerCredentials } from "./pki/pki.ts";

/** Largest bodies: a lease names at most 20 keys; a proof has up to four strings of up to 2 MiB. */
const DEFAULT_BODY_BYTES = 64 * 1024;
const bodyBytes: Partial<Record<BridgeCall, number>> = {
  lease: 256 * 1024,
  operate: 128 * 1024,
  leaseCredential: 24 * 1024 * 1024,
  verifyCredential: 24 * 1024 * 1024,
};
/** Asked every few seconds; not worth a line each time they succeed. */
const quietCalls: ReadonlySet<string> = new Set<BridgeCall>(["status", "health"]);
const REQUEST_TIMEOUT_MS = 30_000;

const callsByPath = new Map<string, BridgeCall>(
  (Object.keys(bridgeApi) as BridgeCall[]).map((call) => [bridgeApi[call].path, call]),
);

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Lets calls under way end, then closes every connection. */
  close(): Promise<void>;
}

export async function startServer(
  bridge: Bridge,
  credentials: ServerCredentials,
  host: string,
  port: number,
): Promise<RunningServer> {
  const underWay = new Set<Promise<void>>();
  let isClosing = false;
  const server = createServer(
    {
      ...credentials,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: true,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: 10_000,
      handshakeTimeout: 10_000,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 16 * 1024,
    },
    (request, response) => {
      if (isClosing) response.setHeader("connection", "close");
      const served = serve(bridge, request, response);
      underWay.add(served);
      void served.finally(() => underWay.delete(served));
    },
  );
  server.on("tlsClientError", (error: NodeJS.ErrnoException) => {
    bridge.logger.warn("a TLS handshake was refused", { code: error.code ?? "unknown" });
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    close: async () => {
      isClosing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // Connections that are kept alive may still bring calls.
      while (underWay.size > 0) await Promise.all(underWay);
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE"
          ? `The port ${port} of ${host} is in use by another program.`
          : `The bridge cannot listen on ${host}:${port} (${error.code ?? "unknown"}).`;
      reject(new StartupError(reason, error));
    });
    server.listen(port, host, resolve);
  });
}

/** Never rejects: whatever happens becomes an answer and a line of output. */
async function serve(
  bridge: Bridge,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startMs = performance.now();
  let call: BridgeCall | "unknown" = "unknown";
  let role: BridgeRole | "unknown" = "unknown";
  let error: BridgeError | null = null;
  let body: object;
  try {
    role = roleOf(request.socket as TLSSocket);
    call = callOf(request);
    body = { ok: await answer(bridge, call, { role }, request) };
  } catch (thrown) {
    error = toBridgeError(thrown);
    body = { error: { code: error.code, message: error.message } };
  }
  const status = error?.status ?? 200;
  try {
    const text = JSON.stringify(body);
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
      // A body that was not read to its end cannot be followed by another request.
      ...(request.complete ? {} : { connection: "close" }),
    });
    response.end(text);
  } catch {
    response.destroy();
  }
  const fields = {
    call,
    role,
    status,
    tookMs: Math.round((performance.now() - startMs) * 10) / 10,
  };
  if (error === null) {
    if (!quietCalls.has(call)) bridge.logger.info("served", fields);
    return;
  }
  bridge.logger.warn("refused", {
    ...fields,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.code === "internal" ? describeError(error.cause ?? error) : {}),
  });
}

/** Reading a certificate takes as long as a small call; it does not change while a connection lasts. */
const rolesBySocket = new WeakMap<TLSSocket, BridgeRole>();

function roleOf(socket: TLSSocket): BridgeRole {
  const known = rolesBySocket.get(socket);
  if (known !== undefined) return known;
  const commonName: unknown = socket.authorized
    ? socket.getPeerCertificate().subject?.CN
    : undefined;
  if (commonName === "control-plane" || commonName === "operator") {
    rolesBySocket.set(socket, commonName);
    return commonName;
  }
  throw new BridgeError("not-permitted", "The client certificate has no role here.");
}

function callOf(request: IncomingMessage): BridgeCall {
  const call = callsByPath.get(request.url ?? "");
  if (call === undefined) throw new BridgeError("not-found", "The bridge has no such call.");
  if (request.method !== "POST") throw new BridgeError("bad-request", "Calls are made with POST.");
  return call;
}

async function answer<C extends BridgeCall>(
  bridge: Bridge,
  call: C,
  caller: Caller,
  request: IncomingMessage,
): Promise<unknown> {
  const row = bridgeApi[call];
  if (!(row.roles as readonly BridgeRole[]).includes(caller.role)) {
    throw new BridgeError("not-permitted", "The role may not make this call.");
  }
  const json = await readJson(request, bodyBytes[call] ?? DEFAULT_BODY_BYTES);
  const parsed = v.safeParse(row.request as v.GenericSchema, json);
  if (!parsed.success) {
    // Paths and kinds only: an issue's message repeats what was received.
    const [issue] = parsed.issues;
    throw new BridgeError(
      "bad-request",
      `The request is not of the form (${v.getDotPath(issue) ?? "body"}: ${issue.type}).`,
    );
  }
  const operation = operations[call] as (
    bridge: Bridge,
    input: unknown,
    caller: Caller,
  ) => Promise<unknown>;
  const result = await operation(bridge, parsed.output, caller);
  if (!v.is(row.response as v.GenericSchema, result)) {
    throw new BridgeError("internal", "The bridge's answer is not of the form.", {
      detail: `response of ${call}`,
    });
  }
  return result;
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/.test(request.headers["content-type"] ?? "")) {
    throw new BridgeError("bad-request", "The content type must be application/json.");
  }
  const tooLong = (): BridgeError =>
    new BridgeError("bad-request", `The body is longer than ${maxBytes} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLong();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLong();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    throw new BridgeError("bad-request", "The body was cut off.");
  }
  const text = utf8DecodeStrict(Buffer.concat(chunks));
  if (text === null) throw new BridgeError("bad-request", "The body is not UTF-8.");
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new BridgeError("bad-request", "The body is not JSON.");
  }
}
