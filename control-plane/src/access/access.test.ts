/** The door as callers meet it: signatures, permission, replay, sizes, and what is kept and not kept of a call. */

import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { auditEvent, type FormFields, signV1 } from "@edge-kms/protocol";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi, send, signedHeaders } from "../testing/client.ts";
import { callEventsOf, setAccessKeyStatus } from "../testing/events.ts";
import { type Account, type Harness, startHarness } from "../testing/harness.ts";

let h: Harness;
let root: Account;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
});
afterAll(() => h.close());

const now = () => Math.floor(Date.now() / 1000);

describe("TC3 signatures", () => {
  test.each([
    ["the Host header as sent", undefined],
    ["tccli's Host with a scheme in it", "http://127.0.0.1:8788"],
    ["a host name", "kms.example.test:8788"],
  ])("accepts %s", async (_name, host) => {
    const options = host === undefined ? {} : { host };
    expect((await root.call("ListKeys", {}, options)).code).toBeUndefined();
  });

  test("accepts the host signed without its port, as Node does", async () => {
    const body = Buffer.from("{}");
    const headers = signedHeaders(root, "ListKeys", body, { timestampSeconds: now() }, "127.0.0.1");
    const answer = await send(h.url, "POST", "/", { ...headers, host: new URL(h.url).host }, body);
    expect(answer.code).toBeUndefined();
  });

  test.each([
    ["a wrong SecretKey", { secretKey: "x".repeat(32) }, {}, "AuthFailure.SignatureFailure"],
    [
      "an unknown SecretId",
      { secretId: `AKID${"0".repeat(32)}` },
      {},
      "AuthFailure.SecretIdNotFound",
    ],
    ["a SecretId of no form", { secretId: "a b" }, {}, "AuthFailure.InvalidAuthorization"],
    ["an old time stamp", {}, { timestampSeconds: now() - 310 }, "AuthFailure.SignatureExpire"],
    ["a time stamp ahead", {}, { timestampSeconds: now() + 3_600 }, "AuthFailure.SignatureExpire"],
    [
      "a literal SKIP",
      {},
      { headers: { authorization: "SKIP" } },
      "AuthFailure.InvalidAuthorization",
    ],
    ["a token", {}, { headers: { "x-tc-token": "t" } }, "AuthFailure.TokenFailure"],
  ])("refuses %s", async (_name, credentials, options, code) => {
    const answer = await callApi(h.url, { ...root, ...credentials }, "ListKeys", {}, options);
    expect(answer).toMatchObject({ status: 200, code, contentType: "application/json" });
    expect(answer.response.RequestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("refuses a body that was changed on the way", async () => {
    const body = Buffer.from("{}");
    const headers = signedHeaders(root, "ListKeys", body, {}, new URL(h.url).host);
    const answer = await send(h.url, "POST", "/", headers, Buffer.from('{"Limit":1}'));
    expect(answer.code).toBe("AuthFailure.SignatureFailure");
  });

  test("an inactive access key does not exist", async () => {
    const other = await h.account();
    await setAccessKeyStatus(h.database, other.secretId, "Inactive");
    expect((await other.call("ListKeys")).code).toBe("AuthFailure.SecretIdNotFound");
  });

  test("is refused while the bridge cannot judge", async () => {
    h.bridge.failNext("verifyCredential", "unreachable");
    expect((await root.call("ListKeys")).code).toBe("InternalError");
  });
});

test("a caller whose account an operator froze at the bridge is told so", async () => {
  h.bridge.failNext("verifyCredential", "frozen");
  expect((await root.call("ListKeys")).code).toBe("UnauthorizedOperation");
  expect((await root.call("ListKeys")).code).toBeUndefined();
});

describe("version 1 signatures", () => {
  const hmacOf = (hash: string) => (key: Uint8Array, bytes: Uint8Array) =>
    createHmac(hash, key).update(bytes).digest();

  const v1 = (
    method: "GET" | "POST",
    hash: "HmacSHA1" | "HmacSHA256",
    fields: [string, string][],
  ) => {
    const { host } = new URL(h.url);
    const all = new Map<string, string>([
      ["Version", "2019-01-18"],
      ["Timestamp", String(now())],
      ["Nonce", String(randomBytes(4).readUInt32BE())],
      ["SecretId", root.secretId],
      ["Region", "ap-singapore"],
      ["SignatureMethod", hash],
      ...fields,
    ]) satisfies FormFields;
    const request = { method, host, fields: all };
    const hmac = hmacOf(hash === "HmacSHA1" ? "sha1" : "sha256");
    const signature = signV1(request, root.secretKey, hmac);
    const form = new URLSearchParams([...all, ["Signature", signature]]).toString();
    const contentType = "application/x-www-form-urlencoded";
    return method === "GET"
      ? send(h.url, "GET", `/?${form}`, { host }, Buffer.alloc(0))
      : send(h.url, "POST", "/", { host, "content-type": contentType }, Buffer.from(form));
  };

  test.each([
    ["GET", "HmacSHA1"],
    ["GET", "HmacSHA256"],
    ["POST", "HmacSHA1"],
    ["POST", "HmacSHA256"],
  ] as const)("accepts %s with %s", async (method, hash) => {
    const answer = await v1(method, hash, [["Action", "GetRegions"]]);
    expect(answer.response.Regions).toHaveLength(2);
  });

  test("refuses a state change that could be read in two ways", async () => {
    const description: [string, string] = ["Description", "a&Limit=5"];
    const answer = await v1("POST", "HmacSHA256", [
      ["Action", "CreateKey"],
      ["Alias", "two-ways"],
      description,
    ]);
    expect(answer.code).toBe("AuthFailure.SignatureFailure");
  });
});

describe("what is asked for", () => {
  test.each([
    ["an unknown action", "FlyAway", {}, "InvalidAction"],
    ["an action in other letters", "listkeys", {}, "InvalidAction"],
    ["an unknown version", "ListKeys", { version: "2000-01-01" }, "NoSuchVersion"],
  ])("refuses %s", async (_name, action, options, code) => {
    expect((await root.call(action, {}, options)).code).toBe(code);
  });

  test.each([
    ["no JSON", "{", "InvalidParameter"],
    ["an array", "[]", "InvalidParameter"],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "InvalidParameter"],
  ])("refuses a body that is %s", async (_name, body, code) => {
    expect((await root.call("ListKeys", {}, { body: Buffer.from(body) })).code).toBe(code);
  });

  test("answers a request of 12 MB, and one of another method", async () => {
    const body = Buffer.alloc(12 * 1024 * 1024, 0x20);
    expect((await root.call("ListKeys", {}, { body })).code).toBe("RequestSizeLimitExceeded");
    const { host } = new URL(h.url);
    const put = await send(h.url, "PUT", "/", { host }, Buffer.from("{}"));
    expect(put).toMatchObject({ status: 200, code: "UnsupportedProtocol" });
  });

  test("takes a GET with 30 KB on its request line", async () => {
    const answer = await root.call("GetRegions", { Filler: "x".repeat(30_000) }, { method: "GET" });
    expect(answer.code).toBeUndefined();
  });
});

describe("permission", () => {
  test("sub-users may do nothing yet, and learn nothing of a key", async () => {
    const user = await h.account("user");
    for (const action of ["ListKeys", "GetServiceStatus"]) {
      expect((await user.call(action)).code).toBe("UnauthorizedOperation");
    }
    const created = await user.call("CreateKey", { Alias: "theirs" });
    expect(created.code).toBe("UnauthorizedOperation");
    const KeyId = "00000000-0000-4000-8000-000000000000";
    expect((await user.call("DescribeKey", { KeyId })).code).toBe("UnauthorizedOperation");
  });
});

describe("replay", () => {
  test("a state change runs once by one signature, and the signature serves nothing else", async () => {
    const account = await h.account();
    const timestampSeconds = now();
    const KeyId = await account.createKey("replayed");
    const again = (action: string) => account.call(action, { KeyId }, { timestampSeconds });
    expect((await again("DisableKey")).code).toBeUndefined();
    await account.call("EnableKey", { KeyId });
    for (const action of ["DisableKey", "EnableKey", "DescribeKey"]) {
      expect((await again(action)).code, action).toBe("AuthFailure.SignatureExpire");
    }
    const { response } = await account.call("DescribeKey", { KeyId });
    expect(response.KeyMetadata).toMatchObject({ KeyState: "Enabled" });
  });

  test("of the same state change sent many times at once, on two copies, one runs", async () => {
    const account = await h.account();
    const { url } = await h.another();
    const params = { Alias: "once" };
    const timestampSeconds = now();
    // One Host for both, so that the signature is the same.
    const options = { timestampSeconds, host: "kms.example.test" };
    const answers = await Promise.all(
      [h.url, url, h.url, url].map((at) => callApi(at, account, "CreateKey", params, options)),
    );
    const codes = answers.map(({ code }) => code ?? "made").sort();
    expect(codes).toEqual([...Array(3).fill("AuthFailure.SignatureExpire"), "made"]);
  });

  test("a read may be repeated as it is, and as nothing else, on no copy", async () => {
    const account = await h.account();
    const { url } = await h.another();
    const KeyId = await account.createKey("read");
    const options = { timestampSeconds: now(), host: "kms.example.test" };
    const at = (to: string, action: string, more = {}) =>
      callApi(to, account, action, { KeyId }, { ...options, ...more });
    expect((await at(h.url, "DescribeKey")).code).toBeUndefined();
    expect((await at(url, "DescribeKey")).code).toBeUndefined();
    const spent = "AuthFailure.SignatureExpire";
    expect((await at(url, "DisableKey")).code).toBe(spent);
    expect((await at(url, "ListKeys")).code).toBe(spent);
    expect((await at(h.url, "DescribeKey", { region: "ap-guangzhou" })).code).toBe(spent);
    const { response } = await account.call("DescribeKey", { KeyId });
    expect(response.KeyMetadata).toMatchObject({ KeyState: "Enabled" });
  });

  test("a refused state change has used its signature up too", async () => {
    const account = await h.account();
    const timestampSeconds = now();
    const KeyId = await account.createKey("first");
    const other = await account.createKey("second");
    const rename = { KeyId, Alias: "second" };
    const call = () => account.call("UpdateAlias", rename, { timestampSeconds });
    expect((await call()).code).toBe("InvalidParameterValue.AliasAlreadyExists");
    await account.call("UpdateAlias", { KeyId: other, Alias: "third" });
    expect((await call()).code).toBe("AuthFailure.SignatureExpire");
  });

  test("an unsigned payload serves for reads, and is refused for state changes", async () => {
    const account = await h.account();
    const options = { isPayloadUnsigned: true };
    expect((await account.call("ListKeys", {}, options)).code).toBeUndefined();
    const created = await account.call("CreateKey", { Alias: "unsigned" }, options);
    expect(created.code).toBe("AuthFailure.SignatureFailure");
  });
});

describe("replay where signatures may be reused for a while", () => {
  test("pairs that clients send within a second are served, and what comes later is not", async () => {
    const account = await h.account();
    const reuseMs = 300;
    const { url } = await h.another({ signatureReuseMs: reuseMs });
    const KeyId = await account.createKey("reused");
    const timestampSeconds = now();
    const at = (action: string) =>
      callApi(url, account, action, { KeyId }, { timestampSeconds, host: "kms.example.test" });
    for (const action of ["DescribeKey", "DisableKey", "EnableKey", "DescribeKey"]) {
      expect((await at(action)).code, action).toBeUndefined();
    }
    await new Promise((resolve) => setTimeout(resolve, reuseMs + 50));
    expect((await at("DescribeKey")).code).toBeUndefined();
    expect((await at("DisableKey")).code).toBe("AuthFailure.SignatureExpire");
    expect((await at("ListKeys")).code).toBe("AuthFailure.SignatureExpire");
  });
});

describe("the record of calls", () => {
  test("names every call of a known caller, allowed or refused, once", async () => {
    const account = await h.account();
    const KeyId = await account.createKey("recorded");
    await account.call("DisableKey", { KeyId });
    await account.call("DescribeKey", { KeyId }, { headers: { "user-agent": "test/1" } });
    await account.call("CreateKey", { Alias: "recorded" });
    await account.call("ListKeys", { Limit: 1000 });
    await callApi(h.url, { ...account, secretKey: "x".repeat(32) }, "ListKeys");
    const events = await callEventsOf(h.database, account.principal.account);
    expect(events.map(({ action, errorCode, keyIds }) => [action, errorCode, keyIds])).toEqual([
      ["CreateKey", "", [KeyId]],
      ["DisableKey", "", [KeyId]],
      ["DescribeKey", "", [KeyId]],
      ["CreateKey", "InvalidParameterValue.AliasAlreadyExists", []],
      ["ListKeys", "InvalidParameter", []],
    ]);
    expect(events[2]).toMatchObject({
      userAgent: "test/1",
      secretId: account.secretId,
      signatureMethod: "TC3-HMAC-SHA256",
      sourceAddress: "127.0.0.1",
      principalType: "root",
    });
  });

  test("is in the form of the wire, whatever the call, and names the region that served", async () => {
    const account = await h.account();
    const KeyIds = Array.from({ length: 100 }, () => randomUUID());
    const headers = { "user-agent": "\u00e9".repeat(300), "x-tc-requestclient": "x".repeat(300) };
    await account.call("DescribeKeys", { KeyIds }, { headers });
    await account.call("ListKeys", {}, { region: null });
    await account.call("ListKeys", {}, { region: "ap-nowhere" });
    await account.call("GetRegions", {}, { region: null });
    const events = await callEventsOf(h.database, account.principal.account);
    expect(events.map((event) => v.is(auditEvent, event))).toEqual([true, true, true, true]);
    expect(events.map(({ region }) => region)).toEqual([
      "ap-singapore",
      "ap-singapore",
      "ap-nowhere",
      "",
    ]);
  });

  test("the log has no secret, signature, parameter or body", async () => {
    const marks = ["mark-alias", "mark-description", "mark-tag"];
    const account = await h.account();
    await account.call("CreateKey", {
      Alias: marks[0],
      Description: marks[1],
      Tags: [{ TagKey: marks[2], TagValue: marks[2] }],
    });
    await account.call("CreateKey", { Alias: marks[0], Description: marks[1] });
    await account.call("ListKeyDetail", { SearchKeyAlias: marks[1] }, { method: "GET" });
    await account.call("ListKeys", {}, { body: Buffer.from(`{"${marks[1]}`) });
    const text = h.logLines.join("");
    expect(text).toContain('"action":"CreateKey"');
    expect(text).toContain(account.principal.uin);
    for (const mark of [...marks, account.secretKey, account.secretId, "Signature="]) {
      expect(text).not.toContain(mark);
    }
  });
});

test("readiness follows bridge and database", async () => {
  expect((await fetch(`${h.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${h.url}/readyz`)).status).toBe(200);
  const other = await h.another();
  h.bridge.failNext("health", "hsm-unavailable");
  expect((await fetch(`${other.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${h.url}/nowhere`)).status).toBe(404);
});
