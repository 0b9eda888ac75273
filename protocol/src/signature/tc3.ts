/**
 * TC3-HMAC-SHA256, the third version of the request signature: parsing and verifying. `tc3-signer.ts` makes them.
 *
 *     canonical request   METHOD LF "/" LF query LF (name ":" value LF)… LF names joined by ";" LF hex(SHA-256(payload))
 *     string to sign      "TC3-HMAC-SHA256" LF timestamp LF date "/" service "/tc3_request" LF hex(SHA-256(canonical))
 *     signing key         HMAC(HMAC(HMAC("TC3" ‖ SecretKey, date), service), "tc3_request")
 *     signature           hex(HMAC(signing key, string to sign))
 *
 * Verifying needs the signing key only. It is good for one SecretId, one UTC day and one service string; who holds it
 * learns neither the SecretKey nor the key of another day.
 *
 * The scheme signs neither action, version, region nor token, and has no nonce: whoever serves requests must remember
 * signatures for as long as `maxClockSkewSeconds` lets them live.
 */

import { type Bytes, equalBytes, hexDecode, hexEncode, utf8Encode } from "../bytes.ts";
import { failure, type Result, success } from "../errors.ts";
import {
  type Hmac,
  hostCandidates,
  isSecretId,
  isTimely,
  parseTimestamp,
  type RequestParts,
  type Sha256,
  signatureLimits,
  utcDate,
} from "./parts.ts";

export const tc3Algorithm = "TC3-HMAC-SHA256";
export const tc3Terminator = "tc3_request";

/** The value of X-TC-Content-SHA256, and the payload that is hashed, when a client does not sign its payload. */
export const unsignedPayload = "UNSIGNED-PAYLOAD";

/** A well-formed, timely TC3 signature, whose truth is still to be seen. */
export interface Tc3Signature {
  readonly secretId: string;
  /** The UTC day of the scope, `YYYY-MM-DD`: equal to that of the timestamp. */
  readonly date: string;
  /** The scope's own service string, up to 64 characters; not always the name of a service (Node SDK). */
  readonly service: string;
  /** As the client listed them; `content-type` and `host` are always there. */
  readonly signedHeaders: readonly string[];
  readonly timestampSeconds: number;
  /** 64 lower-case hexadecimal digits: the only spelling accepted, so it identifies the signature. */
  readonly signature: string;
  /**
   * Whether the parameters are under the signature. False only for a POST with UNSIGNED-PAYLOAD, which must be refused
   * for state changes and Decrypt. The parameters of a GET are in its query, which is always signed.
   */
  readonly isPayloadSigned: boolean;
  /** What may have been signed, one for each host candidate. The signature is true when it fits any of them. */
  readonly stringsToSign: readonly string[];
}

const authorizationText = new RegExp(
  `^${tc3Algorithm} Credential=([^/,\\s]*)/([0-9]{4}-[0-9]{2}-[0-9]{2})/([\\x21-\\x2b\\x2d\\x2e\\x30-\\x7e]{1,64})/${tc3Terminator}, *` +
    "SignedHeaders=([a-z0-9!#$%&'*+.^_`|~;-]+), *Signature=([0-9a-f]{64})$",
);
const printableText = /^[\t\x20-\x7e]*$/;
const queryText = /^[\x21-\x7e]*$/;

/**
 * Reads the TC3 signature of a request.
 *
 * Errors: `AuthFailure.InvalidAuthorization` for a malformed header, signed headers that are absent, or a list of them
 * without `content-type` and `host`; `AuthFailure.InvalidSecretId`; `MissingParameter` and `InvalidParameter` for
 * X-TC-Timestamp; `AuthFailure.SignatureExpire` when it is more than 300 s from `nowSeconds` or its date is not that of
 * the scope; `InvalidRequest` for a malformed Host, a GET with a body or another method.
 *
 * @param nowSeconds the server's time in unix seconds.
 */
export function parseTc3(
  request: RequestParts,
  nowSeconds: number,
  sha256: Sha256,
): Result<Tc3Signature> {
  const { method, headers, query, body } = request;
  if (method !== "POST" && method !== "GET") return failure("UnsupportedProtocol");
  if (method === "GET" && body.length > 0) {
    return failure("InvalidRequest", { message: "A GET request must not have a body." });
  }

  const authorization = headers.get("authorization") ?? "";
  const match =
    authorization.length <= signatureLimits.authorization
      ? authorizationText.exec(authorization)
      : null;
  if (match === null) return failure("AuthFailure.InvalidAuthorization");
  const [, secretId = "", date = "", service = "", names = "", signature = ""] = match;
  if (!isSecretId(secretId)) return failure("AuthFailure.InvalidSecretId");

  const timestampText = headers.get("x-tc-timestamp");
  if (timestampText === null) {
    return failure("MissingParameter", { message: "X-TC-Timestamp is missing." });
  }
  const timestampSeconds = parseTimestamp(timestampText);
  if (timestampSeconds === null) {
    return failure("InvalidParameter", { message: "X-TC-Timestamp must be unix seconds." });
  }
  if (!isTimely(timestampSeconds, nowSeconds)) return failure("AuthFailure.SignatureExpire");
  if (utcDate(timestampSeconds) !== date) {
    return failure("AuthFailure.SignatureExpire", {
      message: "The date of the credential is not that of the timestamp.",
    });
  }

  const hosts = hostCandidates(headers);
  if (!hosts.ok) return hosts;
  const signedHeaders = names.split(";");
  if (!queryText.test(query)) {
    return failure("InvalidRequest", { message: "The query is malformed." });
  }
  const canonicalHeaders = canonicalHeadersOf(request, signedHeaders);
  if (canonicalHeaders === null) return failure("AuthFailure.InvalidAuthorization");

  const isUnsigned = headers.get("x-tc-content-sha256") === unsignedPayload;
  const payload = isUnsigned ? utf8Encode(unsignedPayload) : body;
  const payloadHash = hexEncode(sha256(payload));
  const stringsToSign = hosts.value.map((host) => {
    const canonical = canonicalRequest(method, query, canonicalHeaders(host), names, payloadHash);
    return tc3StringToSign(timestampText, date, service, hexEncode(sha256(utf8Encode(canonical))));
  });
  return success({
    secretId,
    date,
    service,
    signedHeaders,
    timestampSeconds,
    signature,
    isPayloadSigned: !isUnsigned || method === "GET",
    stringsToSign,
  });
}

/**
 * The canonical headers as a function of the host, or `null` when the list is not to be had: a name twice, too many, one
 * of the two required names missing, or a header that the request lacks or that has other than printable ASCII.
 *
 * `content-type` and `host` are signed as sent. Any other header is signed in lower case, as the method's description
 * has it; no official SDK signs any.
 */
function canonicalHeadersOf(
  { headers }: RequestParts,
  names: readonly string[],
): ((host: string) => string) | null {
  if (names.length > signatureLimits.signedHeaders || new Set(names).size !== names.length) {
    return null;
  }
  if (!names.includes("content-type") || !names.includes("host")) return null;
  let before = "";
  let after = "";
  let isHostSeen = false;
  for (const name of names) {
    if (name === "host") {
      isHostSeen = true;
      continue;
    }
    const value = headers.get(name)?.trim();
    if (value === undefined || value.length > signatureLimits.signedHeaderValue) return null;
    if (name === "" || !printableText.test(value)) return null;
    const line = `${name}:${name === "content-type" ? value : value.toLowerCase()}\n`;
    if (isHostSeen) after += line;
    else before += line;
  }
  return (host) => `${before}host:${host}\n${after}`;
}

/** The canonical request. `canonicalHeaders` ends with a line feed; the path is `/` always. */
export function canonicalRequest(
  method: string,
  query: string,
  canonicalHeaders: string,
  signedHeaders: string,
  payloadHash: string,
): string {
  return `${method}\n/\n${query}\n${canonicalHeaders}\n${signedHeaders}\n${payloadHash}`;
}

/** The string to sign. `canonicalHash` is lower-case hexadecimal. */
export function tc3StringToSign(
  timestamp: string,
  date: string,
  service: string,
  canonicalHash: string,
): string {
  return `${tc3Algorithm}\n${timestamp}\n${date}/${service}/${tc3Terminator}\n${canonicalHash}`;
}

/** kDate, 32 bytes: the key of one UTC day. Secret; opens every service of that day. */
export function deriveTc3DateKey(hmacSha256: Hmac, secretKey: string, date: string): Uint8Array {
  return hmacSha256(utf8Encode(`TC3${secretKey}`), utf8Encode(date));
}

/** kService, 32 bytes: the key of one service string within the day of `dateKey`. Secret. */
export function deriveTc3ServiceKey(
  hmacSha256: Hmac,
  dateKey: Uint8Array,
  service: string,
): Uint8Array {
  return hmacSha256(dateKey, utf8Encode(service));
}

/** kSigning, 32 bytes: the key that signs and verifies. Secret. */
export function deriveTc3SigningKey(hmacSha256: Hmac, serviceKey: Uint8Array): Uint8Array {
  return hmacSha256(serviceKey, utf8Encode(tc3Terminator));
}

/** kSigning from the SecretKey itself, all three steps. The intermediate keys are wiped, the result is the caller's. */
export function tc3SigningKey(
  hmacSha256: Hmac,
  secretKey: string,
  date: string,
  service: string,
): Uint8Array {
  const dateKey = deriveTc3DateKey(hmacSha256, secretKey, date);
  const serviceKey = deriveTc3ServiceKey(hmacSha256, dateKey, service);
  const signingKey = deriveTc3SigningKey(hmacSha256, serviceKey);
  dateKey.fill(0);
  serviceKey.fill(0);
  return signingKey;
}

/**
 * Whether the signature was made with this signing key over one of the strings to sign. The comparison does not stop at
 * the first difference. `kSigning` is read, not kept.
 */
export function verifyTc3WithSigningKey(
  tc3: Pick<Tc3Signature, "signature" | "stringsToSign">,
  kSigning: Uint8Array,
  hmacSha256: Hmac,
): boolean {
  const claimed: Bytes | null = hexDecode(tc3.signature);
  if (claimed === null || claimed.length !== 32) return false;
  return tc3.stringsToSign.some((text) =>
    equalBytes(hmacSha256(kSigning, utf8Encode(text)), claimed),
  );
}
