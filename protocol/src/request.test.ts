import { describe, expect, test } from "vitest";
import { kmsActions } from "./actions/registry.ts";
import { utf8Encode } from "./bytes.ts";
import { unwrap } from "./errors.ts";
import {
  parseJsonObject,
  parseRequest,
  parseRequestHead,
  parseRequestParams,
  requestLimits,
  unflatten,
} from "./request.ts";
import { isRegionName, serviceOfVersion } from "./services.ts";
import { parseForm } from "./signature/form.ts";
import { headersOf, type RequestParts } from "./signature/parts.ts";

const tc3Headers = {
  authorization: "TC3-HMAC-SHA256 …",
  "content-type": "application/json",
  "x-tc-action": "DescribeKey",
  "x-tc-version": "2019-01-18",
  "x-tc-region": "ap-guangzhou",
};

function post(
  body: string | Uint8Array,
  headers: Record<string, string | undefined> = {},
): RequestParts {
  return {
    method: "POST",
    headers: headersOf({ ...tc3Headers, ...headers }),
    query: "",
    body: typeof body === "string" ? utf8Encode(body) : body,
  };
}

function get(query: string, headers: Record<string, string | undefined> = {}): RequestParts {
  const all = { ...tc3Headers, "content-type": "application/x-www-form-urlencoded", ...headers };
  return { method: "GET", headers: headersOf(all), query, body: new Uint8Array(0) };
}

function v1(form: string, method: "GET" | "POST" = "POST"): RequestParts {
  return {
    method,
    headers: headersOf({ "content-type": "application/x-www-form-urlencoded" }),
    query: method === "GET" ? form : "",
    body: method === "POST" ? utf8Encode(form) : new Uint8Array(0),
  };
}

const codeOf = (request: RequestParts): string | null => {
  const result = parseRequest(request);
  return result.ok ? null : result.error.code;
};
const valuesOf = (request: RequestParts) => unwrap(parseRequest(request)).params.values;

describe("the head of a tc3 request", () => {
  test("is in the headers", () => {
    const head = unwrap(
      parseRequestHead(
        post("{}", {
          "x-tc-language": "en-US",
          "x-tc-requestclient": "SDK_PYTHON_3.1.162; _CLI_3.1.155.1",
          "x-tc-token": "tok",
          "x-tc-traceid": "6a1c6f1c-3a39-4f6b-8a93-0ae1ff0c5b57",
        }),
      ),
    );
    expect(head).toMatchObject({
      scheme: "tc3",
      service: "kms",
      version: "2019-01-18",
      action: "DescribeKey",
      definition: kmsActions.DescribeKey,
      region: "ap-guangzhou",
      token: "tok",
      language: "en-US",
      requestClient: "SDK_PYTHON_3.1.162; _CLI_3.1.155.1",
      traceId: "6a1c6f1c-3a39-4f6b-8a93-0ae1ff0c5b57",
      fields: null,
    });
  });

  test("does without the optional ones, and drops what is no name or language", () => {
    const head = unwrap(
      parseRequestHead(
        post("{}", {
          "x-tc-region": undefined,
          "x-tc-language": "tlh",
          "x-tc-requestclient": "a\u0001b",
          "x-tc-traceid": "<script>",
        }),
      ),
    );
    expect(head).toMatchObject({
      region: null,
      token: null,
      language: null,
      requestClient: null,
      traceId: null,
    });
  });

  test.each([
    [{ "x-tc-action": undefined }, "MissingParameter"],
    [{ "x-tc-action": "" }, "MissingParameter"],
    [{ "x-tc-action": "NoSuchAction" }, "InvalidAction"],
    [{ "x-tc-action": "describeKey" }, "InvalidAction"],
    [{ "x-tc-action": "constructor" }, "InvalidAction"],
    [{ "x-tc-version": undefined }, "MissingParameter"],
    [{ "x-tc-version": "2018-01-01" }, "NoSuchVersion"],
    [{ "x-tc-version": "__proto__" }, "NoSuchVersion"],
    [{ "x-tc-region": "Mars!" }, "UnsupportedRegion"],
    [{ "x-tc-token": "x".repeat(8193) }, "AuthFailure.TokenFailure"],
    [{ "content-type": undefined }, "InvalidRequest"],
    [{ "content-type": "text/plain" }, "InvalidRequest"],
    [{ "content-type": "multipart/form-data; boundary=x" }, "InvalidRequest"],
    [{ "content-type": "application/x-www-form-urlencoded" }, "InvalidRequest"],
  ])("%j gives %s", (headers, code) => {
    expect(codeOf(post("{}", headers))).toBe(code);
  });

  test("takes a content type with parameters", () => {
    expect(codeOf(post("{}", { "content-type": "application/json; charset=utf-8" }))).toBeNull();
    expect(codeOf(post("{}", { "content-type": "Application/JSON" }))).toBeNull();
  });

  test("refuses other methods", () => {
    for (const method of ["PUT", "HEAD", "get", "OPTIONS"]) {
      expect(codeOf({ ...post("{}"), method })).toBe("UnsupportedProtocol");
    }
  });
});

describe("sizes", () => {
  test("a tc3 body may have 10 MB and no byte more", () => {
    const body = new Uint8Array(requestLimits.tc3Body).fill(0x20);
    body[0] = 0x7b;
    body[body.length - 1] = 0x7d;
    expect(codeOf(post(body))).toBeNull();
    expect(codeOf(post(new Uint8Array(requestLimits.tc3Body + 1)))).toBe(
      "RequestSizeLimitExceeded",
    );
  });

  test("a v1 body may have 1 MB, a query 32 KB", () => {
    const common = "Action=ListKeys&Version=2019-01-18&X=";
    const padded = (size: number) => common + "x".repeat(size - common.length);
    expect(codeOf(v1(padded(requestLimits.v1Body)))).toBeNull();
    expect(codeOf(v1(padded(requestLimits.v1Body + 1)))).toBe("RequestSizeLimitExceeded");
    expect(codeOf(v1(padded(requestLimits.query), "GET"))).toBeNull();
    expect(codeOf(v1(padded(requestLimits.query + 1), "GET"))).toBe("RequestSizeLimitExceeded");
  });
});

describe("a JSON body", () => {
  test("is the object of parameters, in any spelling of JSON", () => {
    expect(valuesOf(post('{ "Alias" : "\\u5bc6", "Limit": 1 }'))).toEqual({
      Alias: "密",
      Limit: 1,
    });
    expect(valuesOf(post("{}"))).toEqual({});
  });

  test.each([
    "",
    " ",
    "not json",
    '""',
    "null",
    "1",
    "[]",
    "[{}]",
    "{",
    "{}{}",
    "\ufeff{}",
    "{'a':1}",
    '{"__proto__":{"a":1}}',
    '{"a":[{"\\u005f_proto__":1}]}',
    `{"a":${"[".repeat(16)}${"]".repeat(16)}}`,
    `${'{"a":'.repeat(100000)}1${"}".repeat(100000)}`,
    `{"a":[${"0,".repeat(100001)}0]}`,
  ])("%.40j gives InvalidParameter", (body) => {
    expect(codeOf(post(body))).toBe("InvalidParameter");
  });

  test("must be UTF-8", () => {
    expect(codeOf(post(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)))).toBe(
      "InvalidParameter",
    );
    expect(parseJsonObject(Uint8Array.of(0x7b, 0x7d))).toEqual({});
  });

  test("nests as deep as any action could want", () => {
    expect(codeOf(post(`{"a":${"[".repeat(15)}${"]".repeat(15)}}`))).toBeNull();
  });

  test("of two members with one name the last counts", () => {
    expect(valuesOf(post('{"KeyId":"a","KeyId":"b"}'))).toEqual({ KeyId: "b" });
  });
});

describe("flattened parameters", () => {
  test("become objects and arrays", () => {
    const query =
      "KeyIds.0=a&KeyIds.1=b&Tags.1.TagKey=y&Tags.0.TagKey=x&Tags.0.TagValue=&MemberAccount.MemberUin=5";
    const { params, head } = unwrap(parseRequest(get(query)));
    expect(head.scheme).toBe("tc3");
    expect(params).toEqual({
      isText: true,
      values: {
        KeyIds: ["a", "b"],
        Tags: [{ TagKey: "x", TagValue: "" }, { TagKey: "y" }],
        MemberAccount: { MemberUin: "5" },
      },
    });
    expect(valuesOf(get(""))).toEqual({});
  });

  test("ten and more items are in order of their numbers", () => {
    const items = Array.from({ length: 12 }, (_, i) => `KeyIds.${i}=k${i}`).sort();
    expect(valuesOf(get(items.join("&")))).toEqual({
      KeyIds: Array.from({ length: 12 }, (_, i) => `k${i}`),
    });
  });

  test.each([
    "A=1&A.0=2",
    "A.0=1&A=2",
    "A.0=1&A.b=2",
    "A.1=1",
    "A.0=1&A.2=2",
    "A.00=1",
    "A..b=1",
    ".A=1",
    "A.=1",
    "0=1",
    "A.__proto__.b=1",
    "__proto__=1",
    `${"A.".repeat(17)}A=1`,
  ])("%.40j gives InvalidParameter", (query) => {
    expect(codeOf(get(query))).toBe("InvalidParameter");
  });

  test.each(["A", "A=%zz", "A=1&A=1", "A=é"])("%j is no form: InvalidRequest", (query) => {
    expect(codeOf(get(query))).toBe("InvalidRequest");
  });

  test("constructor is a name as any other", () => {
    const fields = parseForm("constructor.prototype.a=1");
    expect(Object.keys(unflatten(fields as NonNullable<typeof fields>) ?? {})).toEqual([
      "constructor",
    ]);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
});

describe("a v1 request", () => {
  const form =
    "Action=DescribeKeys&Version=2019-01-18&Timestamp=1&Nonce=1&SecretId=a&Signature=b&SignatureMethod=HmacSHA1&Region=ap-guangzhou&Token=t&Language=zh-CN&RequestClient=SDK_GO&KeyIds.0=x";

  test.each(["GET", "POST"] as const)("by %s has common parameters among its fields", (method) => {
    const { head, params } = unwrap(parseRequest(v1(form, method)));
    expect(head).toMatchObject({
      scheme: "v1",
      service: "kms",
      action: "DescribeKeys",
      region: "ap-guangzhou",
      token: "t",
      language: "zh-CN",
      requestClient: "SDK_GO",
    });
    expect(head.fields?.get("Signature")).toBe("b");
    expect(params).toEqual({ isText: true, values: { KeyIds: ["x"] } });
  });

  test("needs action and version", () => {
    expect(codeOf(v1("", "GET"))).toBe("MissingParameter");
    expect(codeOf(v1("Action=ListKeys"))).toBe("MissingParameter");
    expect(codeOf(v1("Action=ListKeys&Version=1"))).toBe("NoSuchVersion");
  });

  test("has its fields in one place", () => {
    expect(codeOf({ ...v1(form), query: "a=b" })).toBe("InvalidRequest");
    expect(codeOf({ ...v1(form), body: Uint8Array.of(0xff) })).toBe("InvalidRequest");
  });
});

test("the head can be read without the body", () => {
  const head = unwrap(parseRequestHead(post("not json")));
  expect(parseRequestParams(post("not json"), head)).toMatchObject({
    error: { code: "InvalidParameter" },
  });
});

test("services and regions by name", () => {
  expect(serviceOfVersion("2019-01-18")).toBe("kms");
  expect(serviceOfVersion("2019-01-19")).toBeNull();
  for (const name of ["ap-guangzhou", "ap-singapore", "na-siliconvalley", "ap-shanghai-fsi"]) {
    expect(isRegionName(name)).toBe(true);
  }
  for (const name of ["", "guangzhou", "AP-guangzhou", "ap_guangzhou", "ap-", "ap-x\n"]) {
    expect(isRegionName(name)).toBe(false);
  }
});
