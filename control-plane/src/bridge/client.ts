/**
 * The bridge as the control plane sees it: JSON over mTLS, one function for all calls of `bridgeApi`, requests and answers
 * held against its schemas. The certificate with the role `control-plane` comes from `<home>/pki`.
 *
 * A connection may be dead and nobody have said so (a host that is gone, a firewall that forgot). One that gave no answer in time says
 * as much of those beside it, so further calls get new ones. `status`, which is asked every second and never waits for the HSM, notices first.
 * When the bridge answers on a new connection, and a moment later still not on the old ones, calls under way there are given up.
 */

import { setTimeout as sleep } from "node:timers/promises";
import {
  type BridgeCall,
  type BridgeRequest,
  type BridgeResponse,
  bridgeApi,
  bridgeErrorResponse,
} from "@edge-kms/protocol";
import { Pool } from "undici";
import * as v from "valibot";
import { BridgeError, type BridgeFailure, isBridgeErrorCode } from "./errors.ts";

export interface Bridge {
  /** @throws BridgeError when there is no result. */
  call<C extends BridgeCall>(name: C, request: BridgeRequest<C>): Promise<BridgeResponse<C>>;
  close(): Promise<void>;
}

export interface BridgeOptions {
  /** `https://host:port`; plain http only in tests. */
  readonly url: string;
  /** PEM. Null for plain http. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
  readonly maxConnections?: number;
  /** For the answer to a call. */
  readonly deadlineMs?: number;
}

const connectTimeoutMs = 3_000;
const defaultDeadlineMs = 15_000;
/** The bridge answers from memory. */
const statusDeadlineMs = 2_000;
/** How much later than a new connection the old ones may answer: a bridge that stood still answers all at once. */
const graceMs = 1_000;
const pauseMs = 100;
/** Their answers take as long as primes are hard to find: left to their deadlines. */
const slowCalls: ReadonlySet<BridgeCall> = new Set(["createKeyPair", "importParameters"]);
const maxAnswerBytes = 4 * 1024 * 1024;

const answerSchema = v.union([v.strictObject({ ok: v.unknown() }), bridgeErrorResponse]);

/** Opens the client; connections are made when the first call needs one. */
export function openBridge(options: BridgeOptions): Bridge {
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  const open = () =>
    new Pool(options.url, {
      connections: options.maxConnections ?? 32,
      pipelining: 1,
      connectTimeout: connectTimeoutMs,
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
      connect: options.tls === null ? {} : { ...options.tls, minVersion: "TLSv1.3" },
    });
  let current: Generation = { pool: open(), calls: new Set() };
  let isClosed = false;
  /** Being closed, with calls under way. */
  const suspects = new Set<Promise<void>>();
  const replace = (suspect: Generation): void => {
    if (suspect !== current || isClosed) return;
    current = { pool: open(), calls: new Set() };
    void giveUp(suspect);
    const closing = suspect.pool
      .close()
      .catch(() => {})
      .finally(() => suspects.delete(closing));
    suspects.add(closing);
  };
  /** Once the bridge answers elsewhere. */
  const giveUp = async ({ calls }: Generation): Promise<void> => {
    while (calls.size > 0 && !(await answers(bridge))) await sleep(pauseMs);
    await sleep(graceMs);
    for (const { name, abort } of calls) if (!slowCalls.has(name)) abort.abort();
  };
  const bridge: Bridge = {
    async call(name, request) {
      const definition = bridgeApi[name];
      // Before it leaves: a request that the bridge cannot accept is our fault and must not look like its.
      if (!v.safeParse(definition.request, request).success) {
        throw new BridgeError(name, "bad-request");
      }
      const limitMs = name === "status" ? Math.min(statusDeadlineMs, deadlineMs) : deadlineMs;
      const used = current;
      const under = { name, abort: new AbortController() };
      used.calls.add(under);
      const signal = AbortSignal.any([AbortSignal.timeout(limitMs), under.abort.signal]);
      const body = JSON.stringify(request);
      const answer = await send(used.pool, name, definition.path, body, signal)
        .catch((error) => {
          if (isTimeout(error)) replace(used);
          throw error;
        })
        .finally(() => used.calls.delete(under));
      const parsed = v.safeParse(answerSchema, answer);
      if (!parsed.success) throw new BridgeError(name, "malformed-answer");
      if ("error" in parsed.output) {
        const { code } = parsed.output.error;
        throw new BridgeError(name, isBridgeErrorCode(code) ? code : "malformed-answer");
      }
      const result = v.safeParse(definition.response, parsed.output.ok);
      if (!result.success) throw new BridgeError(name, "malformed-answer");
      return result.output as BridgeResponse<typeof name>;
    },
    async close() {
      isClosed = true;
      await Promise.all([current.pool.close(), ...suspects]);
    },
  };
  return bridge;
}

/** Whatever it says: that it is heard is what counts. */
function answers(bridge: Bridge): Promise<boolean> {
  return bridge.call("status", {}).then(
    () => true,
    ({ code }: BridgeError) => code !== "no-answer" && code !== "unreachable",
  );
}

/** Connections that are used until one of them gives no answer. */
interface Generation {
  readonly pool: Pool;
  readonly calls: Set<{ readonly name: BridgeCall; readonly abort: AbortController }>;
}

async function send(
  pool: Pool,
  name: BridgeCall,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    const response = await pool.request({
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body,
      signal,
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxAnswerBytes) throw new BridgeError(name, "malformed-answer");
      chunks.push(chunk);
    }
    return parseJson(name, Buffer.concat(chunks));
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    throw new BridgeError(name, wayOfFailing(error), error);
  }
}

function parseJson(name: BridgeCall, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new BridgeError(name, "malformed-answer");
  }
}

/** No answer in time, where a connection had been made. */
function isTimeout(error: unknown): boolean {
  const cause = error instanceof BridgeError ? error.cause : null;
  if (typeof cause !== "object" || cause === null) return false;
  const codes = ["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"];
  return (
    Reflect.get(cause, "name") === "TimeoutError" || codes.includes(Reflect.get(cause, "code"))
  );
}

/** Whether the request can have reached the bridge. */
function wayOfFailing(error: unknown): BridgeFailure {
  const code: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  switch (code) {
    case "ECONNREFUSED":
    case "ENOTFOUND":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "UND_ERR_CONNECT_TIMEOUT":
      return "unreachable";
    default:
      return "no-answer";
  }
}
