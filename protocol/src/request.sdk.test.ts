/** The real Node SDK against a server made of nothing but this package: what it sends is understood and verified. */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { kms } from "tencentcloud-sdk-nodejs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseInput } from "./actions/parse-input.ts";
import { concatBytes } from "./bytes.ts";
import { ApiError, toApiError, unwrap } from "./errors.ts";
import { parseRequestHead, parseRequestParams } from "./request.ts";
import { encodeError, encodeSuccess, responseContentType, responseStatus } from "./response.ts";
import { headersOf, type RequestParts } from "./signature/parts.ts";
import { parseTc3, tc3SigningKey, verifyTc3WithSigningKey } from "./signature/tc3.ts";
import { parseV1, verifyV1WithSecretKey } from "./signature/v1.ts";
import { hmacSha1, hmacSha256, sha256 } from "./testing/primitives.ts";

const secretId = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
const secretKey = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
const requestId = "6a1c6f1c-3a39-4f6b-8a93-0ae1ff0c5b57";
const keyId = "23e80852-1e38-11e9-b129-5cb9019b4b01";

async function partsOf(request: IncomingMessage): Promise<RequestParts> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = request.url ?? "/";
  return {
    method: request.method ?? "",
    headers: headersOf(request.headers),
    query: url.includes("?") ? url.slice(url.indexOf("?") + 1) : "",
    body: concatBytes(...chunks),
  };
}

/** Answers a verified request with what it understood of it, as the Alias of a key. */
function answer(parts: RequestParts): object {
  const now = Math.floor(Date.now() / 1000);
  const head = unwrap(parseRequestHead(parts));
  let isTrue: boolean;
  if (head.scheme === "tc3") {
    const tc3 = unwrap(parseTc3(parts, now, sha256));
    const kSigning = tc3SigningKey(hmacSha256, secretKey, tc3.date, tc3.service);
    isTrue = tc3.secretId === secretId && verifyTc3WithSigningKey(tc3, kSigning, hmacSha256);
  } else {
    const v1 = unwrap(parseV1(parts, head.fields ?? new Map(), now));
    const hmac = v1.method === "HmacSHA1" ? hmacSha1 : hmacSha256;
    isTrue = v1.secretId === secretId && verifyV1WithSecretKey(v1, secretKey, hmac);
  }
  if (!isTrue) throw new ApiError("AuthFailure.SignatureFailure");
  const input = unwrap(parseInput(head.definition, unwrap(parseRequestParams(parts, head))));
  return { Alias: JSON.stringify({ action: head.action, region: head.region, input }) };
}

const server = createServer(async (request, response) => {
  let body: string;
  try {
    body = encodeSuccess(requestId, answer(await partsOf(request)));
  } catch (thrown) {
    body = encodeError(requestId, toApiError(thrown));
  }
  response.writeHead(responseStatus, { "Content-Type": responseContentType }).end(body);
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

type SignMethod = "TC3-HMAC-SHA256" | "HmacSHA1" | "HmacSHA256";

function client(signMethod: SignMethod, reqMethod: "GET" | "POST", key = secretKey) {
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new kms.v20190118.Client({
    credential: { secretId, secretKey: key },
    region: "ap-guangzhou",
    profile: { signMethod, httpProfile: { protocol: "http://", endpoint, reqMethod } },
  });
}

const ways = (["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"] as const).flatMap((signMethod) =>
  (["POST", "GET"] as const).map((reqMethod) => [signMethod, reqMethod] as const),
);

describe.each(ways)("%s by %s", (signMethod, reqMethod) => {
  const understood = (response: { readonly Alias?: string }) =>
    JSON.parse(response.Alias ?? "null");

  test("nested parameters of every kind", async () => {
    const response = await client(signMethod, reqMethod).CreateKey({
      Alias: "a-b_c",
      Description: "密钥 & 'quotes' = 100% + ünï~(*)!",
      Type: 2,
      Tags: [
        { TagKey: "env", TagValue: "prod" },
        { TagKey: "team", TagValue: "" },
      ],
    });
    expect(understood(response)).toEqual({
      action: "CreateKey",
      region: "ap-guangzhou",
      input: {
        Alias: "a-b_c",
        Description: "密钥 & 'quotes' = 100% + ünï~(*)!",
        KeyUsage: "",
        Type: 2,
        Tags: [
          { TagKey: "env", TagValue: "prod" },
          { TagKey: "team", TagValue: "" },
        ],
      },
    });
  });

  test("lists longer than ten, and no parameters at all", async () => {
    const KeyIds = Array.from({ length: 12 }, (_, i) => keyId.slice(0, -2) + String(10 + i));
    const response = await client(signMethod, reqMethod).DescribeKeys({ KeyIds });
    expect(understood(response as { Alias?: string }).input.KeyIds).toEqual(KeyIds);
    const regions = await client(signMethod, reqMethod).GetRegions(null);
    expect(understood(regions as { Alias?: string })).toMatchObject({
      action: "GetRegions",
      input: {},
    });
  });

  test("refusals arrive with code, message and request id", async () => {
    const wrongKey = client(signMethod, reqMethod, "another");
    await expect(wrongKey.DescribeKey({ KeyId: keyId })).rejects.toMatchObject({
      code: "AuthFailure.SignatureFailure",
      message:
        "The provided credentials could not be validated. Please check your signature is correct.",
      requestId,
    });
    const right = client(signMethod, reqMethod);
    await expect(right.DescribeKey({ KeyId: "x" })).rejects.toMatchObject({
      code: "InvalidParameterValue.InvalidKeyId",
      requestId,
    });
    await expect(right.request("NoSuchAction", {})).rejects.toMatchObject({
      code: "InvalidAction",
    });
  });
});
