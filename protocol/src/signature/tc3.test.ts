import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { hexEncode, utf8Encode } from "../bytes.ts";
import { unwrap } from "../errors.ts";
import { hmacSha256, sha256 } from "../testing/primitives.ts";
import { seeded } from "../testing/seeded.ts";
import { headersOf, type RequestParts } from "./parts.ts";
import {
  deriveTc3DateKey,
  deriveTc3ServiceKey,
  deriveTc3SigningKey,
  parseTc3,
  type Tc3Signature,
  tc3SigningKey,
  verifyTc3WithSigningKey,
} from "./tc3.ts";
import { signTc3, type Tc3SigningInput } from "./tc3-signer.ts";

// CommonJS with a default export, which loaders of ECMAScript modules present in different ways.
const sdk: typeof import("tencentcloud-sdk-nodejs/tencentcloud/common/sign.js") = createRequire(
  import.meta.url,
)("tencentcloud-sdk-nodejs/tencentcloud/common/sign.js");
const Sign = sdk.default;

// The worked example of the API reference.
const secretId = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
const secretKey = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
const now = 1700000000;
const exampleBody = '{"KeyId":"23e80852-1e38-11e9-b129-5cb9019b4b01","Plaintext":"dGVzdA=="}';
const exampleSignature = "5ad6b0fefb6793cfb81a39df7bab4079b97f429b6f35d6eabd6b17aa91eea2f8";
const exampleQuery = "KeyId=23e80852-1e38-11e9-b129-5cb9019b4b01";
const exampleQuerySignature = "33c23c90c525ca0c9d54a4b718caee59e4098195657a04d6246e730e643d4a5d";

const exampleInput: Tc3SigningInput = {
  secretId,
  secretKey,
  method: "POST",
  host: "kms.example.test",
  contentType: "application/json",
  body: utf8Encode(exampleBody),
  service: "kms",
  timestampSeconds: now,
};

/** The request that carries a signature, with headers replaced or (null) removed. */
function request(
  input: Tc3SigningInput,
  authorization: string,
  changes: Record<string, string | null> = {},
): RequestParts {
  const headers: Record<string, string | undefined> = {
    authorization,
    host: input.host,
    "content-type": input.contentType,
    "x-tc-timestamp": String(input.timestampSeconds),
  };
  if (input.isPayloadUnsigned === true) headers["x-tc-content-sha256"] = "UNSIGNED-PAYLOAD";
  for (const [name, value] of Object.entries(changes)) headers[name] = value ?? undefined;
  return {
    method: input.method,
    headers: headersOf(headers),
    query: input.query ?? "",
    body: input.body ?? new Uint8Array(0),
  };
}

const sign = (input: Tc3SigningInput) => signTc3(input, sha256, hmacSha256);
const signed = (input: Tc3SigningInput, changes?: Record<string, string | null>): RequestParts =>
  request(input, sign(input).authorization, changes);
const parse = (parts: RequestParts, at = now) => parseTc3(parts, at, sha256);

function isTrue(tc3: Tc3Signature, key = secretKey): boolean {
  const kSigning = tc3SigningKey(hmacSha256, key, tc3.date, tc3.service);
  return verifyTc3WithSigningKey(tc3, kSigning, hmacSha256);
}

function accepts(parts: RequestParts): boolean {
  const tc3 = parse(parts);
  return tc3.ok && isTrue(tc3.value);
}

describe("the worked example", () => {
  test("every step of the POST form", () => {
    const made = sign(exampleInput);
    expect(hexEncode(sha256(utf8Encode(exampleBody)))).toBe(
      "3f25acf1d5d8af120bcb3132109a11d459df1fb34a7cbfe850ac37b696ffcdbd",
    );
    expect(hexEncode(sha256(utf8Encode(made.canonicalRequest)))).toBe(
      "240c722b35c96aab458d38cfffb04480373bc34c14097fa111cc6115bc109493",
    );
    const kDate = deriveTc3DateKey(hmacSha256, secretKey, "2023-11-14");
    expect(hexEncode(kDate)).toBe(
      "887d0077ac19ed5cba18590a4fe79f7e1d851a9b05bd4e02a3af730156456978",
    );
    const kService = deriveTc3ServiceKey(hmacSha256, kDate, "kms");
    expect(hexEncode(kService)).toBe(
      "7bb656d7faa13b46e6767c8d2631c3cba94fe7f20790191d64c2935338823144",
    );
    const kSigning = deriveTc3SigningKey(hmacSha256, kService);
    expect(hexEncode(kSigning)).toBe(
      "940bb4931680a8c066eadfde931eba313cd78e41ea557e8518740eed3df17312",
    );
    expect(new Uint8Array(tc3SigningKey(hmacSha256, secretKey, "2023-11-14", "kms"))).toEqual(
      new Uint8Array(kSigning),
    );
    expect(made.signature).toBe(exampleSignature);
  });

  test("is read and verified with the signing key alone", () => {
    const tc3 = unwrap(parse(signed(exampleInput)));
    expect(tc3).toEqual({
      secretId,
      date: "2023-11-14",
      service: "kms",
      signedHeaders: ["content-type", "host"],
      timestampSeconds: now,
      signature: exampleSignature,
      isPayloadSigned: true,
      stringsToSign: [
        "TC3-HMAC-SHA256\n1700000000\n2023-11-14/kms/tc3_request\n240c722b35c96aab458d38cfffb04480373bc34c14097fa111cc6115bc109493",
      ],
    });
    expect(isTrue(tc3)).toBe(true);
    expect(isTrue(tc3, `${secretKey}x`)).toBe(false);
  });

  test("the GET form", () => {
    const { body: _, ...rest } = exampleInput;
    const input: Tc3SigningInput = {
      ...rest,
      method: "GET",
      contentType: "application/x-www-form-urlencoded",
      query: exampleQuery,
    };
    expect(sign(input).signature).toBe(exampleQuerySignature);
    expect(accepts(signed(input))).toBe(true);
    expect(accepts({ ...signed(input), query: `${exampleQuery}&a=b` })).toBe(false);
  });
});

describe("the real Node SDK", () => {
  const endpoints = [
    "kms.example.test",
    "127.0.0.1:8080",
    "localhost:8080",
    "[::1]:8080",
    "kms.internal:9",
  ];

  test.each(endpoints)("POST to %s", (endpoint) => {
    const payload = { KeyId: "k", Plaintext: "dGVzdA==", EncryptionContext: '{"密":"é🔐"}' };
    const service = endpoint.split(".")[0] ?? "";
    const authorization = Sign.sign3({
      method: "POST",
      url: `http://${endpoint}/`,
      payload,
      timestamp: now,
      service,
      secretId,
      secretKey,
      multipart: false,
      boundary: "",
      headers: { "Content-Type": "application/json" },
    });
    const body = utf8Encode(JSON.stringify(payload));
    const parts = request({ ...exampleInput, host: endpoint, body }, authorization);
    const tc3 = unwrap(parse(parts));
    expect(tc3.service).toBe(service);
    expect(isTrue(tc3)).toBe(true);
    expect(accepts({ ...parts, body: utf8Encode("{}") })).toBe(false);
  });

  test.each(endpoints)("GET from %s", (endpoint) => {
    const query = "KeyIds.10=a&KeyIds.2=b%20c&Alias=it's";
    const url = new URL(`http://${endpoint}/?${query}`);
    const authorization = Sign.sign3({
      method: "GET",
      url: url.href,
      payload: "",
      timestamp: now,
      service: endpoint.split(".")[0] ?? "",
      secretId,
      secretKey,
      multipart: false,
      boundary: "",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    const input: Tc3SigningInput = {
      ...exampleInput,
      method: "GET",
      host: endpoint,
      contentType: "application/x-www-form-urlencoded",
      query: url.search.slice(1),
      body: new Uint8Array(0),
    };
    expect(accepts(request(input, authorization))).toBe(true);
  });
});

describe("what clients may sign", () => {
  test.each(["kms.example.test:8080", "http://127.0.0.1:8080", "[::1]:1", "HOST:1"])(
    "host %s as sent, or without its port",
    (host) => {
      expect(accepts(signed({ ...exampleInput, host }))).toBe(true);
      const bare = sign({ ...exampleInput, host: host.replace(/:\d+$/, "") });
      expect(accepts(request({ ...exampleInput, host }, bare.authorization))).toBe(true);
      const other = sign({ ...exampleInput, host: "other" });
      expect(accepts(request({ ...exampleInput, host }, other.authorization))).toBe(false);
    },
  );

  test("content types as sent", () => {
    const input = { ...exampleInput, contentType: "application/json; charset=UTF-8" };
    expect(accepts(signed(input))).toBe(true);
    expect(accepts(signed(input, { "content-type": "application/json" }))).toBe(false);
  });

  test("further headers, in lower case", () => {
    const input = { ...exampleInput, furtherHeaders: { "x-tc-action": "Encrypt", "a-first": "X" } };
    const headers = { "x-tc-action": "Encrypt", "a-first": "X" };
    expect(accepts(signed(input, headers))).toBe(true);
    expect(accepts(signed(input, { ...headers, "x-tc-action": "Decrypt" }))).toBe(false);
    expect(parse(signed(input))).toMatchObject({
      error: { code: "AuthFailure.InvalidAuthorization" },
    });
  });

  test("an unsigned payload, which is reported", () => {
    const input = { ...exampleInput, isPayloadUnsigned: true };
    const tc3 = unwrap(parse({ ...signed(input), body: utf8Encode("anything") }));
    expect(tc3.isPayloadSigned).toBe(false);
    expect(isTrue(tc3)).toBe(true);
    // Taking the mark away, or putting it on a signed request, breaks the signature.
    expect(accepts(signed(input, { "x-tc-content-sha256": null }))).toBe(false);
    expect(accepts(signed(exampleInput, { "x-tc-content-sha256": "UNSIGNED-PAYLOAD" }))).toBe(
      false,
    );
    const get = { ...input, method: "GET" as const, query: exampleQuery, body: new Uint8Array(0) };
    expect(unwrap(parse(signed(get))).isPayloadSigned).toBe(true);
    expect(accepts(signed(get))).toBe(true);
  });

  test("a service string of 64 characters, and not of 65", () => {
    expect(accepts(signed({ ...exampleInput, service: "s".repeat(64) }))).toBe(true);
    expect(parse(signed({ ...exampleInput, service: "s".repeat(65) }))).toMatchObject({
      error: { code: "AuthFailure.InvalidAuthorization" },
    });
  });
});

describe("time", () => {
  test.each([-300, 0, 300])("%i s off is in time", (offset) => {
    expect(parse(signed(exampleInput), now + offset).ok).toBe(true);
  });

  test.each([-301, 301, 86400])("%i s off has expired", (offset) => {
    expect(parse(signed(exampleInput), now + offset)).toMatchObject({
      error: { code: "AuthFailure.SignatureExpire" },
    });
  });

  test("the date of the scope must be that of the timestamp", () => {
    const authorization = sign(exampleInput).authorization.replace("2023-11-14", "2023-11-15");
    expect(parse(request(exampleInput, authorization))).toMatchObject({
      error: { code: "AuthFailure.SignatureExpire" },
    });
  });

  test("the timestamp is required, in its one spelling", () => {
    expect(parse(signed(exampleInput, { "x-tc-timestamp": null }))).toMatchObject({
      error: { code: "MissingParameter" },
    });
    for (const text of ["", "soon", "1.7e9", "01700000000", "-1", "9".repeat(400)]) {
      expect(parse(signed(exampleInput, { "x-tc-timestamp": text }))).toMatchObject({
        error: { code: "InvalidParameter" },
      });
    }
  });
});

describe("hostile headers", () => {
  const good = sign(exampleInput).authorization;

  test.each([
    "",
    "SKIP",
    "Bearer x",
    good.toLowerCase(),
    good.replace("TC3-HMAC-SHA256", "TC3-HMAC-SM3"),
    good.replace("tc3_request", "tc4_request"),
    good.replace("/kms/", "//"),
    good.replace("/kms/", "/k/m/"),
    good.replace("/kms/", "/k m/"),
    good.replace("/kms/", "/k,m/"),
    good.replace("content-type;host", "content-type"),
    good.replace("content-type;host", "host"),
    good.replace("content-type;host", ""),
    good.replace("content-type;host", "content-type;host;host"),
    good.replace("content-type;host", "content-type;host;"),
    good.replace("content-type;host", "content-type;Host"),
    good.replace("content-type;host", `content-type;host${";x".repeat(40)}`),
    good.replace("content-type;host", "content-type;host;absent"),
    good.replace(/[0-9a-f]{64}$/, (hex) => hex.toUpperCase()),
    good.slice(0, -1),
    `${good}0`,
    `${good}, Signature=${"0".repeat(64)}`,
    `${good}\n`,
    ` ${good}`,
    good.replace("2023-11-14", "2023-11-1４"),
    "TC3-HMAC-SHA256 ".repeat(10000),
    `TC3-HMAC-SHA256 Credential=${"a".repeat(3000)}`,
  ])("refuses %.60j", (authorization) => {
    expect(parse(request(exampleInput, authorization))).toMatchObject({
      ok: false,
      error: { code: "AuthFailure.InvalidAuthorization" },
    });
  });

  test.each(["", "a.b", "a:b", "ä", "x".repeat(129)])("refuses the SecretId %.20j", (id) => {
    expect(parse(request(exampleInput, good.replace(secretId, id)))).toMatchObject({
      error: { code: "AuthFailure.InvalidSecretId" },
    });
  });

  test("refuses other methods, bodies of GETs, raw bytes in queries, malformed hosts", () => {
    expect(parse({ ...signed(exampleInput), method: "PUT" })).toMatchObject({
      error: { code: "UnsupportedProtocol" },
    });
    expect(parse({ ...signed(exampleInput), method: "GET" })).toMatchObject({
      error: { code: "InvalidRequest" },
    });
    expect(parse({ ...signed(exampleInput), query: "a\nb" })).toMatchObject({
      error: { code: "InvalidRequest" },
    });
    expect(parse(signed(exampleInput, { host: null }))).toMatchObject({
      error: { code: "InvalidRequest" },
    });
    expect(parse(signed(exampleInput, { "content-type": "a\u0000b" })).ok).toBe(false);
    expect(parse(signed(exampleInput, { "content-type": null })).ok).toBe(false);
  });

  test("every changed character of the header is refused or fails to verify", () => {
    const random = seeded(21);
    for (let i = 0; i < good.length; i++) {
      const other = String.fromCharCode(0x20 + random.below(95));
      if (other === good[i]) continue;
      const changed = good.slice(0, i) + other + good.slice(i + 1);
      // The SecretId is not signed: it names the key, and another one's key would not fit.
      const parsed = parse(request(exampleInput, changed));
      if (parsed.ok && parsed.value.secretId !== secretId) continue;
      expect(parsed.ok && isTrue(parsed.value)).toBe(false);
    }
  });
});

test("a signature of the wrong shape is false, not an exception", () => {
  const tc3 = unwrap(parse(signed(exampleInput)));
  const kSigning = createHash("sha256").digest();
  for (const signature of ["", "00", "zz".repeat(32), `${exampleSignature}00`]) {
    expect(verifyTc3WithSigningKey({ ...tc3, signature }, kSigning, hmacSha256)).toBe(false);
  }
});
