/** A caller for tests: signs as the official SDKs do and sends exactly what it is told to. */

import { createHash, createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { signTc3 } from "@edge-kms/protocol";

export interface Credentials {
  readonly secretId: string;
  readonly secretKey: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
  /** The member `Response`. */
  readonly response: Record<string, unknown>;
  /** `Response.Error.Code`, if any. */
  readonly code: string | undefined;
}

export interface CallOptions {
  readonly region?: string | null;
  readonly version?: string;
  readonly method?: "GET" | "POST";
  /** In place of the parameters' JSON. */
  readonly body?: Uint8Array;
  readonly host?: string;
  readonly timestampSeconds?: number;
  readonly isPayloadUnsigned?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
export const hmacSha256 = (key: Uint8Array, bytes: Uint8Array): Buffer =>
  createHmac("sha256", key).update(bytes).digest();

/** The headers of a signed TC3 request, to be sent by {@link send}. */
export function signedHeaders(
  { secretId, secretKey }: Credentials,
  action: string,
  body: Uint8Array,
  options: CallOptions,
  host: string,
  query = "",
): Record<string, string> {
  const method = options.method ?? "POST";
  const contentType = method === "GET" ? "application/x-www-form-urlencoded" : "application/json";
  const timestampSeconds = options.timestampSeconds ?? Math.floor(Date.now() / 1000);
  const { authorization } = signTc3(
    {
      secretId,
      secretKey,
      method,
      host,
      contentType,
      query,
      body,
      service: "kms",
      timestampSeconds,
      isPayloadUnsigned: options.isPayloadUnsigned ?? false,
    },
    sha256,
    hmacSha256,
  );
  return {
    authorization,
    "content-type": contentType,
    "x-tc-action": action,
    "x-tc-version": options.version ?? "2019-01-18",
    "x-tc-timestamp": String(timestampSeconds),
    ...(options.region === null ? {} : { "x-tc-region": options.region ?? "ap-singapore" }),
    ...(options.isPayloadUnsigned ? { "x-tc-content-sha256": "UNSIGNED-PAYLOAD" } : {}),
    ...options.headers,
    host,
  };
}

/** Signs and sends one call. */
export async function callApi(
  url: string,
  credentials: Credentials,
  action: string,
  params: object = {},
  options: CallOptions = {},
): Promise<ApiAnswer> {
  const isGet = options.method === "GET";
  const query = isGet ? new URLSearchParams(params as Record<string, string>).toString() : "";
  const body = isGet
    ? new Uint8Array(0)
    : (options.body ?? Buffer.from(JSON.stringify(params), "utf8"));
  const host = options.host ?? new URL(url).host;
  const headers = signedHeaders(credentials, action, body, options, host, query);
  return send(url, options.method ?? "POST", query === "" ? "/" : `/?${query}`, headers, body);
}

/** Sends a request through node:http, which lets the Host header be anything. */
export function send(
  url: string,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Promise<ApiAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, method, path: target, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers["content-type"],
            text,
            ...readEnvelope(text),
          });
        });
      },
    );
    request.on("error", reject);
    if (method === "GET") request.end();
    else request.end(body);
  });
}

function readEnvelope(text: string): Pick<ApiAnswer, "response" | "code"> {
  try {
    const json = JSON.parse(text) as { Response?: Record<string, unknown> };
    const response = json.Response ?? (json as Record<string, unknown>);
    const error = response.Error as { Code?: string } | undefined;
    return { response, code: error?.Code };
  } catch {
    return { response: {}, code: undefined };
  }
}
