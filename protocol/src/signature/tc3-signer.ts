/** Making TC3-HMAC-SHA256 signatures, as the official SDKs do. `tc3.ts` has the construction and verifies them. */

import { hexEncode, utf8Encode } from "../bytes.ts";
import { type Hmac, type Sha256, utcDate } from "./parts.ts";
import {
  canonicalRequest,
  tc3Algorithm,
  tc3SigningKey,
  tc3StringToSign,
  tc3Terminator,
  unsignedPayload,
} from "./tc3.ts";

export interface Tc3SigningInput {
  readonly secretId: string;
  readonly secretKey: string;
  readonly method: "GET" | "POST";
  /** The value of the Host header, port included when it has one. */
  readonly host: string;
  /** The value of the Content-Type header; a GET has `application/x-www-form-urlencoded`. */
  readonly contentType: string;
  /** The query as it will be sent, without `?`. */
  readonly query?: string;
  readonly body?: Uint8Array;
  /** The service of the scope: `kms`, `cam` or `cloudaudit`. */
  readonly service: string;
  /** Unix seconds, sent as X-TC-Timestamp. */
  readonly timestampSeconds: number;
  /** Leave the payload out of the signature; the request must then carry `X-TC-Content-SHA256: UNSIGNED-PAYLOAD`. */
  readonly isPayloadUnsigned?: boolean;
  /** Further headers to sign, by lower-case name. */
  readonly furtherHeaders?: Readonly<Record<string, string>>;
}

export interface Tc3Signed {
  /** The value of the Authorization header. */
  readonly authorization: string;
  readonly canonicalRequest: string;
  readonly stringToSign: string;
  /** 64 lower-case hexadecimal digits. */
  readonly signature: string;
}

export function signTc3(input: Tc3SigningInput, sha256: Sha256, hmacSha256: Hmac): Tc3Signed {
  const date = utcDate(input.timestampSeconds);
  const lines = new Map([
    ["content-type", input.contentType],
    ["host", input.host],
  ]);
  for (const [name, value] of Object.entries(input.furtherHeaders ?? {})) {
    lines.set(name, value.trim().toLowerCase());
  }
  const names = [...lines.keys()].sort();
  const payload = input.isPayloadUnsigned === true ? utf8Encode(unsignedPayload) : input.body;
  const canonical = canonicalRequest(
    input.method,
    input.query ?? "",
    names.map((name) => `${name}:${lines.get(name)}\n`).join(""),
    names.join(";"),
    hexEncode(sha256(payload ?? new Uint8Array(0))),
  );
  const stringToSign = tc3StringToSign(
    String(input.timestampSeconds),
    date,
    input.service,
    hexEncode(sha256(utf8Encode(canonical))),
  );
  const key = tc3SigningKey(hmacSha256, input.secretKey, date, input.service);
  const signature = hexEncode(hmacSha256(key, utf8Encode(stringToSign)));
  key.fill(0);
  const scope = `${input.secretId}/${date}/${input.service}/${tc3Terminator}`;
  return {
    authorization: `${tc3Algorithm} Credential=${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
    canonicalRequest: canonical,
    stringToSign,
    signature,
  };
}
