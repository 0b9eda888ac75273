/** A caller that signs as the official SDKs do. */

import { createHash, createHmac } from "node:crypto";
import { signTc3, signV1 } from "@edge-kms/protocol";
import type { Account } from "./control-plane.ts";

export interface CallOptions {
  readonly account: Account;
  readonly region?: string | null;
  readonly timestampSeconds?: number;
  readonly secretKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly service?: string;
  readonly isPayloadUnsigned?: boolean;
  /** Makes it a GET. */
  readonly query?: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly response: Readonly<Record<string, unknown>> & { readonly RequestId: string };
  /** The code of a refusal; empty for a success. */
  readonly code: string;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const hmacSha256 = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac("sha256", key).update(bytes).digest();

/** The headers of a signed request. */
export function signedHeaders(
  url: string,
  action: string,
  body: Uint8Array,
  options: CallOptions,
): Record<string, string> {
  const { account, region = "ap-singapore" } = options;
  const timestampSeconds = options.timestampSeconds ?? Math.floor(Date.now() / 1000);
  const contentType =
    options.query === undefined ? "application/json" : "application/x-www-form-urlencoded";
  const { authorization } = signTc3(
    {
      secretId: account.secretId,
      secretKey: options.secretKey ?? account.secretKey,
      method: options.query === undefined ? "POST" : "GET",
      host: new URL(url).host,
      contentType,
      query: options.query ?? "",
      body,
      service: options.service ?? "kms",
      timestampSeconds,
      isPayloadUnsigned: options.isPayloadUnsigned ?? false,
    },
    sha256,
    hmacSha256,
  );
  return {
    "content-type": contentType,
    authorization,
    "x-tc-action": action,
    "x-tc-version": "2019-01-18",
    "x-tc-timestamp": String(timestampSeconds),
    ...(region === null ? {} : { "x-tc-region": region }),
    ...(options.isPayloadUnsigned ? { "x-tc-content-sha256": "UNSIGNED-PAYLOAD" } : {}),
    ...options.headers,
  };
}

export async function call(
  url: string,
  action: string,
  params: object | Uint8Array,
  options: CallOptions,
): Promise<ApiAnswer> {
  const body =
    params instanceof Uint8Array
      ? new Uint8Array(params)
      : new TextEncoder().encode(JSON.stringify(params));
  return send(url, { method: "POST", headers: signedHeaders(url, action, body, options), body });
}

/** A v1 request, POST with a form. */
export async function callV1(
  url: string,
  action: string,
  params: Readonly<Record<string, string>>,
  options: CallOptions & { readonly method?: "HmacSHA1" | "HmacSHA256" },
): Promise<ApiAnswer> {
  const { account, region = "ap-singapore", method = "HmacSHA256" } = options;
  const fields = new Map<string, string>([
    ["Action", action],
    ["Version", "2019-01-18"],
    ["Timestamp", String(Math.floor(Date.now() / 1000))],
    ["Nonce", String(1 + Math.floor(Math.random() * 65534))],
    ["SecretId", account.secretId],
    ["SignatureMethod", method],
    ...(region === null ? [] : [["Region", region] as const]),
    ...Object.entries(params),
  ]);
  const signature = signV1(
    { method: "POST", host: new URL(url).host, fields },
    account.secretKey,
    (key, bytes) =>
      createHmac(method === "HmacSHA1" ? "sha1" : "sha256", key)
        .update(bytes)
        .digest(),
  );
  fields.set("Signature", signature);
  const body = [...fields].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  return send(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body,
  });
}

export async function send(url: string, init: RequestInit): Promise<ApiAnswer> {
  const response = await fetch(`${url}/`, init);
  const json = (await response.json()) as { Response: ApiAnswer["response"] };
  const error = json.Response.Error as { Code: string } | undefined;
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    response: json.Response,
    code: error?.Code ?? "",
  };
}

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");
