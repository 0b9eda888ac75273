/** The door: envelopes, limits, forwarding in both directions. */

import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { FORWARD_HEADER, type ForwardedCall, signedMessageTypes } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { base64, call, send, signedHeaders } from "./support/client.ts";
import { TestEdge } from "./support/edge.ts";
import { signMessage } from "./support/signed.ts";
import { AES, type System, startSystem } from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.dispose());

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test("successes and refusals are HTTP 200 with exactly application/json and a RequestId", async () => {
  const { account } = system;
  const { url } = system.edge;
  const answers = [
    await call(url, "GenerateRandom", { NumberOfBytes: 1 }, { account }),
    await call(url, "GenerateRandom", { NumberOfBytes: "x" }, { account }),
    await call(url, "ListKeys", { Limit: 1 }, { account }),
    await send(url, { method: "POST" }),
    await send(url, { method: "PUT", body: "x" }),
    await send(url, { method: "POST", body: "x", headers: { "content-type": "text/plain" } }),
    await send(url, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "x-tc-action": "Encrypt" },
    }),
    await send(url, {
      method: "POST",
      body: "{}",
      headers: {
        "content-type": "application/json",
        "x-tc-action": "Encrypt",
        "x-tc-version": "1999-01-01",
      },
    }),
  ];
  for (const { status, contentType, response } of answers) {
    expect([status, contentType]).toEqual([200, "application/json"]);
    expect(response.RequestId).toMatch(uuid);
  }
  expect(answers.map(({ code }) => code)).toEqual([
    "",
    "InvalidParameter",
    "",
    "InvalidRequest",
    "UnsupportedProtocol",
    "InvalidRequest",
    "MissingParameter",
    "NoSuchVersion",
  ]);
});

test("a body that is no JSON object is InvalidParameter", async () => {
  for (const text of ["", "[]", "null", "{", '"x"', '{"__proto__":{}}', "\u0000"]) {
    const { code } = await call(system.edge.url, "Encrypt", utf8(text), system);
    expect(code).toBe("InvalidParameter");
  }
});

describe("a body of 12 MB", () => {
  const body = new Uint8Array(12 * 1024 * 1024).fill(0x20);

  test("with its length announced is RequestSizeLimitExceeded", async () => {
    const { code } = await call(system.edge.url, "Encrypt", body, system);
    expect(code).toBe("RequestSizeLimitExceeded");
  });

  test("in chunks of unknown length as well", async () => {
    const headers = signedHeaders(system.edge.url, "Encrypt", body, system);
    const text = await new Promise<string>((resolve, reject) => {
      const sent = httpRequest(system.edge.url, { method: "POST", headers }, (response) => {
        let answer = "";
        response.on("data", (chunk) => {
          answer += chunk;
        });
        response.on("end", () => resolve(answer));
      });
      sent.on("error", reject);
      for (let at = 0; at < body.length; at += 1 << 20)
        sent.write(body.subarray(at, at + (1 << 20)));
      sent.end();
    });
    expect(JSON.parse(text).Response.Error.Code).toBe("RequestSizeLimitExceeded");
  });
});

test("health is one thing, unknown paths are another", async () => {
  const health = await fetch(`${system.edge.url}/healthz`);
  expect([health.status, await health.json()]).toEqual([
    200,
    {
      status: "ok",
      controlPlane: expect.stringMatching(/connected|away/),
      blockedRecords: 0,
    },
  ]);
  expect((await fetch(`${system.edge.url}/console/`)).status).toBe(404);
});

describe("what is not the edge's goes to the control plane", () => {
  test("parameters for an import come back only when they are the bridge's, for what was asked", async () => {
    const { account, controlPlane, edge } = system;
    const KeyId = "00000000-0000-4000-8000-000000000001";
    const publicKey = randomBytes(294);
    const content = {
      ...{ importId: "1", account: "1", region: "ap-singapore", keyId: KeyId },
      algorithm: "RSAES_OAEP_SHA_256",
      publicKeyHash: createHash("sha256").update(publicKey).digest("hex"),
      expiresAtMs: 1,
    };
    const ask = async (changes: object, response: object, signer = controlPlane.bridge) => {
      const type = signedMessageTypes.importToken;
      const message = signMessage(type, { ...content, ...changes }, signer);
      const Response = {
        KeyId,
        ImportToken: base64(JSON.stringify(message)),
        PublicKey: publicKey.toString("base64"),
        ParametersValidTo: 1,
        RequestId: KeyId,
        ...response,
      };
      const body = JSON.stringify({ Response });
      controlPlane.proxyAnswer = { status: 200, contentType: "application/json", body };
      const WrappingAlgorithm = "RSAES_OAEP_SHA_256";
      const asked = { KeyId, WrappingAlgorithm, WrappingKeySpec: "RSA_2048" };
      const answer = await call(edge.url, "GetParametersForImport", asked, { account });
      controlPlane.proxyAnswer = null;
      return answer;
    };
    const genuine = await ask({}, {});
    expect(genuine.response.PublicKey).toBe(publicKey.toString("base64"));
    const refused = await ask({}, { Error: { Code: "FailedOperation", Message: "" } });
    expect(refused.code).toBe("FailedOperation");
    const other = "00000000-0000-4000-8000-000000000002";
    for (const answer of [
      await ask({}, { PublicKey: randomBytes(294).toString("base64") }),
      await ask({}, {}, controlPlane.forwarding),
      await ask({ keyId: other }, {}),
      await ask({ keyId: other }, { KeyId: other }),
      await ask({ algorithm: "RSAES_PKCS1_V1_5" }, {}),
      await ask({}, { ImportToken: "AAAA" }),
      await ask({}, { ImportToken: undefined }),
    ]) {
      expect(answer.code).toBe("InternalError");
      expect(answer.response.PublicKey).toBeUndefined();
    }
  });

  test("as it came, signed, with the Host that the caller signed", async () => {
    const { account, controlPlane, edge } = system;
    const answer = await call(edge.url, "CreateKey", { Alias: "é" }, { account });
    expect(answer.response.Forwarded).toBe(true);
    const { call: passed, body } = controlPlane.forwarded.at(-1) as {
      call: ForwardedCall;
      body: Buffer;
    };
    expect(passed).toMatchObject({
      forwarder: controlPlane.edgeId,
      hops: 1,
      requestId: answer.response.RequestId,
      method: "POST",
      target: "/",
      host: new URL(edge.url).host,
      clientAddress: "",
    });
    expect(passed.headers["x-tc-action"]).toBe("CreateKey");
    expect(body.toString()).toBe('{"Alias":"é"}');
  });

  test.each(["/?Limit=1&SearchKeyAlias=it's(a)!*~", "/?a=%20+%2B&b=%c3%A9&A=", "/?x=1?2/3"])(
    "a GET of %s, byte for byte",
    async (target) => {
      const answer = await get(target, {
        authorization: "TC3-HMAC-SHA256 whatever",
        "x-tc-action": "ListKeys",
        "x-tc-version": "2019-01-18",
        "content-type": "application/x-www-form-urlencoded",
      });
      expect(answer.Response.Forwarded).toBe(true);
      expect(system.controlPlane.forwarded.at(-1)?.call.target).toBe(target);
    },
  );

  test.each([
    [431, "text/plain", ""],
    [502, "text/html", "<html>Bad Gateway"],
    [503, "application/json", '{"error":"away"}'],
    [302, "application/json", "{}"],
    [200, "text/html", "<html>Please log in"],
    [200, "application/json", " ".repeat(2 * 1024 * 1024)],
  ])("a %d with %s in its stead is our own refusal", async (status, contentType, body) => {
    const { account, controlPlane, edge } = system;
    controlPlane.proxyAnswer = { status, contentType, body };
    try {
      const answer = await call(edge.url, "ListKeys", { Limit: 1 }, { account });
      expect([answer.status, answer.contentType, answer.code]).toEqual([
        200,
        "application/json",
        body.length > 1024 ? "ResponseSizeLimitExceeded" : "InternalError",
      ]);
    } finally {
      controlPlane.proxyAnswer = null;
    }
  });

  test("the content type of an answer is exactly application/json, whatever its parameters", async () => {
    const body = JSON.stringify({ Response: { RequestId: crypto.randomUUID() } });
    const { account, controlPlane, edge } = system;
    controlPlane.proxyAnswer = {
      status: 200,
      contentType: "Application/JSON; charset=utf-8",
      body,
    };
    try {
      const answer = await call(edge.url, "ListKeys", { Limit: 1 }, { account });
      expect([answer.contentType, answer.code]).toEqual(["application/json", ""]);
    } finally {
      controlPlane.proxyAnswer = null;
    }
  });

  function get(target: string, headers: Record<string, string>) {
    const { hostname, port } = new URL(system.edge.url);
    return new Promise<{ Response: Record<string, unknown> }>((resolve, reject) => {
      httpRequest({ hostname, port, path: target, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(JSON.parse(text)));
      })
        .on("error", reject)
        .end();
    });
  }
});

describe("what the control plane passes on", () => {
  /** A call that a client made at the control plane's door. */
  function passedOn(
    action: string,
    changes: Partial<ForwardedCall> = {},
    signer = system.controlPlane.forwarding,
  ) {
    const body = utf8(
      JSON.stringify({ NumberOfBytes: 4, TestOnly: randomBytes(8).toString("hex") }),
    );
    const url = "http://control.example:8788";
    const headers = signedHeaders(url, action, body, { account: system.account, region: AES });
    const forwarded = {
      forwarder: "control-plane",
      nonce: randomBytes(16).toString("hex"),
      timeMs: Date.now(),
      hops: 1,
      requestId: crypto.randomUUID(),
      method: "POST",
      target: "/",
      host: "control.example:8788",
      headers: { "user-agent": "client/1", ...headers },
      bodySha256: createHash("sha256").update(body).digest("hex"),
      clientAddress: "192.0.2.9",
      ...changes,
    };
    const message = signMessage(signedMessageTypes.forward, forwarded, signer);
    return {
      forwarded,
      answer: () =>
        send(system.edge.url, {
          method: "POST",
          headers: {
            "user-agent": "client/1",
            ...headers,
            [FORWARD_HEADER]: base64(JSON.stringify(message)),
          },
          body,
        }),
    };
  }

  test("is served with the caller's Host, address and request id", async () => {
    const { answer, forwarded } = passedOn("GenerateRandom");
    const { response, code } = await answer();
    expect([code, response.RequestId]).toEqual(["", forwarded.requestId]);
    await expect
      .poll(
        () =>
          system.controlPlane
            .allRecords()
            .find(({ event }) => event.requestId === forwarded.requestId)?.event.sourceAddress,
      )
      .toBe("192.0.2.9");
  });

  test("is never passed on again", async () => {
    const before = system.controlPlane.forwarded.length;
    expect((await passedOn("ListKeys").answer()).code).toBe("InternalError");
    expect(system.controlPlane.forwarded).toHaveLength(before);
  });

  test("is refused when it is not the control plane's word on this very request", async () => {
    const cases = [
      passedOn("GenerateRandom", {}, system.controlPlane.edge),
      passedOn("GenerateRandom", { forwarder: "another" }),
      passedOn("GenerateRandom", { timeMs: Date.now() - 61_000 }),
      passedOn("GenerateRandom", { target: "/?x=1" }),
      passedOn("GenerateRandom", { bodySha256: "0".repeat(64) }),
      passedOn("GenerateRandom", { headers: {} }),
      passedOn("GenerateRandom", { method: "GET" }),
    ];
    for (const { answer } of cases) expect((await answer()).code).toBe("InvalidRequest");
  });
});

test("an edge with an unusable configuration says so and serves nothing", async () => {
  const { controlPlane, address, account } = system;
  const edge = await TestEdge.create(controlPlane, address, {
    edit: (text) => text.replace(controlPlane.bridge.publicKeyB64, "no key"),
  });
  try {
    const { code, response } = await call(
      edge.url,
      "GenerateRandom",
      { NumberOfBytes: 1 },
      { account },
    );
    expect([code, response.Error]).toEqual([
      "InternalError",
      { Code: "InternalError", Message: "This edge is not configured." },
    ]);
    expect((await fetch(`${edge.url}/healthz`)).status).toBe(503);
    expect(edge.log).toContain("BRIDGE_PUBLIC_KEY");
  } finally {
    await edge.dispose();
  }
});
