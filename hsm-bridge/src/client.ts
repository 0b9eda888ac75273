/** Typed client of the bridge's API, for operators and the launcher. */

import { Agent, request } from "node:https";
import {
  type BridgeCall,
  type BridgeErrorCode,
  type BridgeRequest,
  type BridgeResponse,
  bridgeApi,
  bridgeErrorResponse,
  bridgeErrors,
} from "@edge-kms/protocol";
import * as v from "valibot";

export interface BridgeClientOptions {
  /** `https://host:port` of the bridge. */
  readonly url: string;
  /** PEM texts: the CA, and the certificate and key of the role. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** A call without a whole answer after so long fails. Default 15 s. */
  readonly deadlineMs?: number;
}

export interface BridgeClient {
  /** Makes one call. Rejects with a BridgeCallError. Nothing is repeated: that is the caller's to decide. */
  call<C extends BridgeCall>(call: C, request: BridgeRequest<C>): Promise<BridgeResponse<C>>;
  close(): void;
}

/** A refusal of the bridge (`code` of its table), or `unreachable` when there was no answer that can be trusted. */
export class BridgeCallError extends Error {
  override readonly name = "BridgeCallError";
  readonly code: BridgeErrorCode | "unreachable";

  constructor(code: BridgeErrorCode | "unreachable", message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }

  /** Whether the same call may succeed later. */
  get mayRetry(): boolean {
    return this.code === "unreachable" || bridgeErrors[this.code].mayRetry;
  }
}

const DEFAULT_DEADLINE_MS = 15_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createBridgeClient(options: BridgeClientOptions): BridgeClient {
  const { ca, cert, key } = options;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 64,
    ca,
    cert,
    key,
    minVersion: "TLSv1.3",
  });
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  return {
    async call(call, input) {
      const row = bridgeApi[call];
      const body = JSON.stringify(input);
      const { status, text } = await post(new URL(row.path, options.url), body, agent, deadlineMs);
      return read(row.response as v.GenericSchema, status, text) as BridgeResponse<typeof call>;
    },
    close: () => agent.destroy(),
  };
}

function read(schema: v.GenericSchema, status: number, text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BridgeCallError("unreachable", `The bridge answered ${status} without JSON.`);
  }
  const failure = v.safeParse(bridgeErrorResponse, json);
  if (failure.success) {
    const { code, message = code } = failure.output.error;
    if (!Object.hasOwn(bridgeErrors, code)) {
      throw new BridgeCallError("internal", "The bridge answered an unknown error code.");
    }
    throw new BridgeCallError(code as BridgeErrorCode, message);
  }
  const success = v.safeParse(v.strictObject({ ok: schema }), json);
  if (status !== 200 || !success.success) {
    throw new BridgeCallError("unreachable", `The bridge answered ${status} in an unknown form.`);
  }
  return success.output.ok;
}

function post(
  url: URL,
  body: string,
  agent: Agent,
  deadlineMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const code = (cause as NodeJS.ErrnoException)?.code ?? "no answer in time";
      reject(
        new BridgeCallError(
          "unreachable",
          `The bridge at ${url.origin} is not reachable (${code}).`,
          cause,
        ),
      );
    };
    const outgoing = request(
      url,
      {
        method: "POST",
        agent,
        signal: AbortSignal.timeout(deadlineMs),
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_ANSWER_BYTES) outgoing.destroy(new Error("answer too long"));
          chunks.push(chunk);
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    outgoing.on("error", fail);
    outgoing.end(body);
  });
}
