/**
 * The first version of the request signature, still selectable in the official SDKs: all common parameters and the
 * flattened action parameters are form fields, `Signature` among them.
 *
 *     string to sign   METHOD host "/" "?" name "=" value "&" …      fields but Signature, by name in byte order, not encoded
 *     signature        base64(HMAC(SecretKey, string to sign))       HMAC-SHA1 unless SignatureMethod says HmacSHA256
 *
 * It is keyed with the SecretKey itself, so only who holds that can verify: a front door passes strings to sign and
 * signature on and hears yes or no.
 */

import { base64Decode, base64Encode, equalBytes, utf8Encode } from "../bytes.ts";
import { failure, type Result, success } from "../errors.ts";
import type { FormFields } from "./form.ts";
import {
  type HeaderReader,
  type Hmac,
  hostCandidates,
  isSecretId,
  isTimely,
  parseTimestamp,
} from "./parts.ts";

/** The methods of version 1, with the length of their signatures in bytes. */
export const v1Methods = { HmacSHA1: { bytes: 20 }, HmacSHA256: { bytes: 32 } } as const;

export type V1Method = keyof typeof v1Methods;

/** A well-formed, timely version 1 signature, whose truth is still to be seen. */
export interface V1Signature {
  readonly secretId: string;
  readonly method: V1Method;
  readonly timestampSeconds: number;
  /** Decimal digits; up to 2^63 - 1 from Python, so it stays text. */
  readonly nonce: string;
  /** Canonical base64: the only spelling accepted, so it identifies the signature. */
  readonly signature: string;
  /** What may have been signed, one for each host candidate. */
  readonly stringsToSign: readonly string[];
  /**
   * Whether the string to sign could be cut into fields in another way, because values stand in it unescaped and one
   * holds `&name=`. Whoever saw such a request could send the same signature with other parameters: treat it as a
   * request whose payload is not signed.
   */
  readonly isAmbiguous: boolean;
}

const nonceText = /^[0-9]{1,20}$/;
const fieldInside = /&[A-Za-z0-9_.]+=/;

/**
 * Reads the version 1 signature among a request's fields.
 *
 * Errors: `MissingParameter` for an absent SecretId, Signature, Timestamp or Nonce; `InvalidParameter` for a malformed
 * Timestamp or Nonce; `AuthFailure.InvalidSecretId`; `AuthFailure.InvalidAuthorization` for an unknown SignatureMethod;
 * `AuthFailure.SignatureExpire` for a timestamp more than 300 s from `nowSeconds`; `AuthFailure.SignatureFailure` for a
 * signature that cannot be one; `InvalidRequest` for a malformed Host; `UnsupportedProtocol` for another method.
 */
export function parseV1(
  request: { readonly method: string; readonly headers: HeaderReader },
  fields: FormFields,
  nowSeconds: number,
): Result<V1Signature> {
  if (request.method !== "POST" && request.method !== "GET") return failure("UnsupportedProtocol");
  for (const name of ["SecretId", "Signature", "Timestamp", "Nonce"]) {
    if (!fields.has(name)) return failure("MissingParameter", { message: `${name} is missing.` });
  }
  const secretId = fields.get("SecretId") ?? "";
  if (!isSecretId(secretId)) return failure("AuthFailure.InvalidSecretId");
  const nonce = fields.get("Nonce") ?? "";
  if (!nonceText.test(nonce)) {
    return failure("InvalidParameter", { message: "Nonce must be a positive integer." });
  }
  const method = fields.get("SignatureMethod") ?? "HmacSHA1";
  if (method !== "HmacSHA1" && method !== "HmacSHA256") {
    return failure("AuthFailure.InvalidAuthorization", {
      message: "SignatureMethod must be HmacSHA1 or HmacSHA256.",
    });
  }
  const timestampSeconds = parseTimestamp(fields.get("Timestamp") ?? "");
  if (timestampSeconds === null) {
    return failure("InvalidParameter", { message: "Timestamp must be unix seconds." });
  }
  if (!isTimely(timestampSeconds, nowSeconds)) return failure("AuthFailure.SignatureExpire");
  const signature = fields.get("Signature") ?? "";
  if (base64Decode(signature)?.length !== v1Methods[method].bytes) {
    return failure("AuthFailure.SignatureFailure");
  }
  const hosts = hostCandidates(request.headers);
  if (!hosts.ok) return hosts;
  let isAmbiguous = false;
  for (const value of fields.values()) isAmbiguous ||= fieldInside.test(value);
  return success({
    secretId,
    method,
    timestampSeconds,
    nonce,
    signature,
    stringsToSign: hosts.value.map((host) => v1StringToSign(request.method, host, fields)),
    isAmbiguous,
  });
}

/** The string to sign of version 1. A field `Signature` is left out; values go in unencoded. */
export function v1StringToSign(method: string, host: string, fields: FormFields): string {
  const names = [...fields.keys()].filter((name) => name !== "Signature").sort();
  const pairs = names.map((name) => `${name}=${fields.get(name)}`);
  return `${method}${host}/?${pairs.join("&")}`;
}

/**
 * Whether the signature was made with this SecretKey over one of the strings to sign.
 *
 * @param hmac HMAC with the hash of the signature's method.
 */
export function verifyV1WithSecretKey(
  v1: Pick<V1Signature, "signature" | "stringsToSign">,
  secretKey: string,
  hmac: Hmac,
): boolean {
  const claimed = base64Decode(v1.signature);
  if (claimed === null) return false;
  const key = utf8Encode(secretKey);
  const isTrue = v1.stringsToSign.some((text) => equalBytes(hmac(key, utf8Encode(text)), claimed));
  key.fill(0);
  return isTrue;
}

/** The value of the field `Signature` for the other fields, to be url-encoded with them. */
export function signV1(
  request: { readonly method: string; readonly host: string; readonly fields: FormFields },
  secretKey: string,
  hmac: Hmac,
): string {
  const text = v1StringToSign(request.method, request.host, request.fields);
  return base64Encode(hmac(utf8Encode(secretKey), utf8Encode(text)));
}
