import querystring from "node:querystring";
import { CommonClient } from "tencentcloud-sdk-nodejs/tencentcloud/common/common_client.js";
import { describe, expect, test } from "vitest";
import { unwrap } from "../errors.ts";
import { hmacSha1, hmacSha256 } from "../testing/primitives.ts";
import { type FormFields, parseForm } from "./form.ts";
import { headersOf } from "./parts.ts";
import { parseV1, signV1, type V1Signature, v1StringToSign, verifyV1WithSecretKey } from "./v1.ts";

// The worked example of the API reference.
const secretKey = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
const now = 1700000000;
const exampleText =
  "GETkms.example.test/?Action=DescribeKey&KeyId=23e80852-1e38-11e9-b129-5cb9019b4b01&Nonce=11886&Region=ap-guangzhou&SecretId=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE&SignatureMethod=HmacSHA256&Timestamp=1700000000&Version=2019-01-18";
const exampleFields = {
  Version: "2019-01-18",
  Action: "DescribeKey",
  KeyId: "23e80852-1e38-11e9-b129-5cb9019b4b01",
  Nonce: "11886",
  Region: "ap-guangzhou",
  SecretId: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
  SignatureMethod: "HmacSHA256",
  Timestamp: "1700000000",
};

function parse(
  fields: Record<string, string | undefined>,
  { method = "GET", host = "kms.example.test", at = now } = {},
) {
  const present = Object.entries(fields).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return parseV1({ method, headers: headersOf({ host }) }, new Map(present), at);
}

function signed(fields: Record<string, string>, host = "kms.example.test") {
  const hmac = fields.SignatureMethod === "HmacSHA256" ? hmacSha256 : hmacSha1;
  const Signature = signV1(
    { method: "GET", host, fields: new Map(Object.entries(fields)) },
    secretKey,
    hmac,
  );
  return { ...fields, Signature };
}

const isTrue = (v1: V1Signature, key = secretKey) =>
  verifyV1WithSecretKey(v1, key, v1.method === "HmacSHA1" ? hmacSha1 : hmacSha256);

describe("the worked example", () => {
  test("HmacSHA256", () => {
    const fields = new Map(Object.entries(exampleFields));
    expect(v1StringToSign("GET", "kms.example.test", fields)).toBe(exampleText);
    const all = signed(exampleFields);
    expect(all.Signature).toBe("BY9xakFL9lXA0nzli+9X3ODC4IEAzI8FF710bzO9Qaw=");
    const v1 = unwrap(parse(all));
    expect(v1).toMatchObject({
      method: "HmacSHA256",
      nonce: "11886",
      stringsToSign: [exampleText],
    });
    expect(isTrue(v1)).toBe(true);
    expect(isTrue(v1, "other")).toBe(false);
    expect(isTrue(unwrap(parse({ ...all, KeyId: "x" })))).toBe(false);
    expect(isTrue(unwrap(parse(all, { method: "POST" })))).toBe(false);
  });

  test("HmacSHA1", () => {
    const all = signed({ ...exampleFields, SignatureMethod: "HmacSHA1" });
    expect(all.Signature).toBe("gAJ3CP8VB2BUigGSD5c1FutXzGY=");
    expect(isTrue(unwrap(parse(all)))).toBe(true);
  });

  test("HmacSHA1 is meant when no method is named", () => {
    const { SignatureMethod: _, ...rest } = exampleFields;
    const v1 = unwrap(parse(signed(rest)));
    expect(v1.method).toBe("HmacSHA1");
    expect(isTrue(v1)).toBe(true);
  });
});

describe("the real Node SDK", () => {
  /** The fields that the SDK would send, signed by the SDK. */
  async function sdkFields(
    endpoint: string,
    signMethod: "HmacSHA1" | "HmacSHA256",
    reqMethod: "GET" | "POST",
  ) {
    const client = new CommonClient(endpoint, "2019-01-18", {
      credential: { secretId: exampleFields.SecretId, secretKey },
      region: "ap-guangzhou",
      profile: { signMethod, httpProfile: { endpoint, reqMethod } },
    });
    const inner = client as unknown as {
      mergeData(data: unknown): Record<string, unknown>;
      formatRequestData(action: string, params: unknown): Promise<Record<string, string>>;
    };
    const params = inner.mergeData({
      KeyIds: Array.from({ length: 11 }, (_, i) => `key ${i}`),
      Alias: "密钥 + & =",
      Limit: 10,
      Tags: [{ TagKey: "a", TagValue: null }],
    });
    return parseForm(querystring.stringify(await inner.formatRequestData("ListKeys", params)));
  }

  test.each([
    ["kms.example.test", "HmacSHA1", "GET"],
    ["kms.example.test", "HmacSHA256", "POST"],
    ["127.0.0.1:8080", "HmacSHA256", "GET"],
    ["localhost:8080", "HmacSHA1", "POST"],
  ] as const)("%s %s %s", async (host, signMethod, method) => {
    const fields = (await sdkFields(host, signMethod, method)) as FormFields;
    const at = Number(fields.get("Timestamp"));
    const v1 = unwrap(parseV1({ method, headers: headersOf({ host }) }, fields, at));
    expect(v1.method).toBe(signMethod);
    expect(isTrue(v1)).toBe(true);
    expect(fields.get("KeyIds.10")).toBe("key 10");
  });
});

describe("refusals", () => {
  const all = signed(exampleFields);

  test.each([
    [{ SecretId: undefined }, "MissingParameter"],
    [{ Signature: undefined }, "MissingParameter"],
    [{ Timestamp: undefined }, "MissingParameter"],
    [{ Nonce: undefined }, "MissingParameter"],
    [{ Nonce: "-1" }, "InvalidParameter"],
    [{ Nonce: "1".repeat(21) }, "InvalidParameter"],
    [{ Timestamp: "now" }, "InvalidParameter"],
    [{ Timestamp: "1699999699" }, "AuthFailure.SignatureExpire"],
    [{ Timestamp: "1700000301" }, "AuthFailure.SignatureExpire"],
    [{ SecretId: "a&b=c" }, "AuthFailure.InvalidSecretId"],
    [{ SignatureMethod: "HmacMD5" }, "AuthFailure.InvalidAuthorization"],
    [{ SignatureMethod: "constructor" }, "AuthFailure.InvalidAuthorization"],
    [{ Signature: "" }, "AuthFailure.SignatureFailure"],
    [{ Signature: "gAJ3CP8VB2BUigGSD5c1FutXzGY=" }, "AuthFailure.SignatureFailure"],
    [{ Signature: all.Signature.replace("=", "") }, "AuthFailure.SignatureFailure"],
    [{ Signature: ` ${all.Signature}` }, "AuthFailure.SignatureFailure"],
  ])("%j gives %s", (change, code) => {
    expect(parse({ ...all, ...change })).toMatchObject({ ok: false, error: { code } });
  });

  test("another method or a malformed host", () => {
    expect(parse(all, { method: "DELETE" })).toMatchObject({
      error: { code: "UnsupportedProtocol" },
    });
    expect(parse(all, { host: "kms.example.test/?Action=x" })).toMatchObject({
      error: { code: "InvalidRequest" },
    });
  });
});

test("says when the same signature would fit other fields", () => {
  const one = signed({ ...exampleFields, Description: "a&KeyId=b" });
  expect(unwrap(parse(one)).isAmbiguous).toBe(true);
  // The cut that an attacker would make: the same text, one field more.
  const { KeyId: _, ...rest } = exampleFields;
  const whole = signed({ ...rest, Description: "a", KeyId: "b" });
  expect(unwrap(parse(whole)).isAmbiguous).toBe(false);
  const merged = unwrap(parse({ ...rest, Description: "a&KeyId=b", Signature: whole.Signature }));
  expect(isTrue(merged)).toBe(true);
  expect(merged.isAmbiguous).toBe(true);
  expect(unwrap(parse(signed({ ...exampleFields, Description: "a & b = c" }))).isAmbiguous).toBe(
    false,
  );
});
