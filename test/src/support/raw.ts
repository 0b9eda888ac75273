/** Requests made by hand, signed as an SDK would: for headers, bodies and methods that no SDK sends. */

import { createHash, createHmac } from "node:crypto";
import { request } from "node:http";
import { signTc3 } from "@edge-kms/protocol";
import type { System } from "./system.ts";

export type RawAnswer = {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  /** `Response.Error.Code`, or undefined. */
  readonly code: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answered; tests look into it
  readonly Response: any;
};

export type RawCall = {
  readonly door?: "edge" | "control plane";
  readonly action?: string;
  readonly version?: string;
  readonly region?: string;
  readonly method?: "GET" | "POST" | "PUT";
  readonly body?: string | Uint8Array;
  readonly query?: string;
  /** Host header to send and, unless `signedHost` says otherwise, to sign. */
  readonly host?: string;
  readonly signedHost?: string;
  readonly contentType?: string;
  readonly timestampSeconds?: number;
  readonly secretId?: string;
  readonly secretKey?: string;
  /** Laid over the headers; undefined removes one. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly unsignedPayload?: boolean;
};

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac("sha256", key).update(bytes).digest());

export function rawCall(system: System, call: RawCall): Promise<RawAnswer> {
  const { env } = system;
  const url = new URL(
    (call.door === "control plane" ? env.CONTROL_PLANE_ENDPOINT : env.KMS_ENDPOINT) ?? "",
  );
  const method = call.method ?? "POST";
  const body = Buffer.from((call.body ?? (method === "GET" ? "" : "{}")) as string);
  const contentType =
    call.contentType ??
    (method === "GET" ? "application/x-www-form-urlencoded" : "application/json");
  const host = call.host ?? url.host;
  const timestampSeconds = call.timestampSeconds ?? Math.floor(Date.now() / 1000);
  const { authorization } = signTc3(
    {
      secretId: call.secretId ?? env.TENCENTCLOUD_SECRET_ID ?? "",
      secretKey: call.secretKey ?? env.TENCENTCLOUD_SECRET_KEY ?? "",
      method: method === "GET" ? "GET" : "POST",
      host: call.signedHost ?? host,
      contentType,
      query: call.query ?? "",
      body,
      service: "kms",
      timestampSeconds,
      isPayloadUnsigned: call.unsignedPayload ?? false,
    },
    sha256,
    hmacSha256,
  );
  const headers: Record<string, string | undefined> = {
    host,
    authorization,
    "content-type": contentType,
    "content-length": String(body.length),
    "x-tc-action": call.action ?? "GenerateRandom",
    "x-tc-version": call.version ?? "2019-01-18",
    "x-tc-timestamp": String(timestampSeconds),
    "x-tc-region": call.region ?? env.TENCENTCLOUD_REGION,
    ...(call.unsignedPayload ? { "x-tc-content-sha256": "UNSIGNED-PAYLOAD" } : {}),
    ...call.headers,
  };
  const present = Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: url.hostname,
        port: url.port,
        method,
        path: call.query ? `/?${call.query}` : "/",
        headers: present,
        setHost: false,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          let Response: RawAnswer["Response"];
          try {
            Response = JSON.parse(text).Response;
          } catch {
            Response = undefined;
          }
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            code: Response?.Error?.Code,
            Response,
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
