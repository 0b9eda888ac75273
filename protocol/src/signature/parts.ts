/**
 * What both signature schemes look at: the parts of a received request, the clock rule, the host names that a client
 * may have signed, and the primitives that the platform lends.
 */

import { failure, type Result, success } from "../errors.ts";

/** Header values by lower-case name; repeated headers joined by ", ". The `Headers` of the Fetch standard fit. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** A request as it was received, before anything is decoded. */
export interface RequestParts {
  /** As on the request line: `GET` or `POST`, upper case. */
  readonly method: string;
  readonly headers: HeaderReader;
  /** The query exactly as on the request line, without its `?`; empty when there is none. */
  readonly query: string;
  /** The raw body; empty when there is none. */
  readonly body: Uint8Array;
}

/** SHA-256 (FIPS 180-4): 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** HMAC (FIPS 198-1) over some hash; 32 bytes with SHA-256, 20 with SHA-1. */
export type Hmac = (key: Uint8Array, bytes: Uint8Array) => Uint8Array;

/** How far a request's timestamp may be from the server's clock, either way, in seconds. */
export const maxClockSkewSeconds = 300;

/**
 * For how long after its first use a TC3 signature may serve again as something else, or change state again, in
 * milliseconds. TC3 signs neither the action nor a nonce, and its time stamps count whole seconds: official clients that
 * make two calls with one body within a second (`GetRegions` and `ListAlgorithms`, `EnableKey` and `DescribeKey`) send one
 * signature twice. Those arrive together; what comes later is somebody else's.
 */
export const signatureReuseMs = 5_000;

/** Lengths beyond which a request's parts are refused unread, in characters. */
export const signatureLimits = {
  authorization: 2048,
  host: 512,
  signedHeaders: 32,
  signedHeaderValue: 8192,
  secretId: 128,
  service: 64,
} as const;

/** A HeaderReader over a plain record, such as Node's `IncomingHttpHeaders`. */
export function headersOf(
  record: Readonly<Record<string, string | readonly string[] | undefined>>,
): HeaderReader {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue;
    values.set(name.toLowerCase(), typeof value === "string" ? value : value.join(", "));
  }
  return { get: (name) => values.get(name.toLowerCase()) ?? null };
}

const timestampText = /^[1-9][0-9]{0,9}$/;

/** Unix seconds from their one decimal spelling; `null` for any other text. */
export function parseTimestamp(text: string): number | null {
  return timestampText.test(text) ? Number(text) : null;
}

/** `YYYY-MM-DD` of a unix time in UTC. */
export function utcDate(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().slice(0, 10);
}

/** Whether a request's timestamp is near enough to the server's time, both in unix seconds. */
export function isTimely(timestampSeconds: number, nowSeconds: number): boolean {
  return Math.abs(timestampSeconds - nowSeconds) <= maxClockSkewSeconds;
}

/** SecretIds are words of letters and digits; `-` and `_` occur in those of other products. */
const secretIdText = /^[A-Za-z0-9_-]{1,128}$/;

export function isSecretId(text: string): boolean {
  return secretIdText.test(text);
}

/**
 * Characters of a host, with port, IPv6 brackets and zone. Slashes because tccli with `--endpoint http://name:port`
 * sends and signs that whole text as its Host. Nothing that could be taken for another part of a string to sign.
 */
const hostText = /^[A-Za-z0-9._:/[\]%-]+$/;
const trailingPort = /:[0-9]+$/;

/**
 * The host names that a client may have signed: the received one, which Python, tccli and Go sign, and the same
 * without its port, which Node signs.
 */
export function hostCandidates(headers: HeaderReader): Result<readonly string[]> {
  const host = headers.get("host")?.trim() ?? "";
  if (host === "" || host.length > signatureLimits.host || !hostText.test(host)) {
    return failure("InvalidRequest", { message: "The Host header is missing or malformed." });
  }
  const withoutPort = host.replace(trailingPort, "");
  return success(withoutPort === host || withoutPort === "" ? [host] : [host, withoutPort]);
}
