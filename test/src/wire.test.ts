/** What the wire looks like, at both doors: the contract's "ten things", and requests that no SDK would send. */

import { setTimeout as sleep } from "node:timers/promises";
import { signatureReuseMs } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base64, createClient, newAlias } from "./support/client.ts";
import { type RawCall, rawCall } from "./support/raw.ts";
import { discard, type System, startSystem } from "./support/system.ts";

let system: System;
let keyId: string;
beforeAll(async () => {
  system = await startSystem();
  keyId = (await createClient(system).CreateKey({ Alias: newAlias() })).KeyId ?? "";
}, 60_000);
afterAll(() => discard(system), 60_000);

const random = '{"NumberOfBytes":8}';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe.each(["edge", "control plane"] as const)("at the %s's door", (door) => {
  const call = (rest: RawCall) => rawCall(system, { door, ...rest });

  it("answers with status 200, exactly application/json and a RequestId, errors included", async () => {
    const answers = await Promise.all([
      call({ body: random }),
      call({ action: "ListKeys" }),
      call({ action: "Nonsense" }),
      call({ action: "Encrypt", body: "{}" }),
      call({ body: random, secretKey: "0".repeat(32) }),
      call({ body: "no json" }),
      call({ headers: { authorization: undefined } }),
    ]);
    for (const { status, headers, Response } of answers) {
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("application/json");
      expect(Response.RequestId).toMatch(uuid);
    }
    expect(new Set(answers.map(({ Response }) => Response.RequestId)).size).toBe(answers.length);
  });

  it("accepts the host signed with or without its port", async () => {
    expect((await call({ body: random, signedHost: "127.0.0.1" })).code).toBeUndefined();
    expect((await call({ body: random })).code).toBeUndefined();
    expect((await call({ body: random, signedHost: "evil.test" })).code).toBe(
      "AuthFailure.SignatureFailure",
    );
  });

  it("accepts a content type with a charset and a body that is JSON of any spacing", async () => {
    const contentType = "application/json; charset=utf-8";
    expect((await call({ contentType, body: '{ "NumberOfBytes" : 8 }\n' })).code).toBeUndefined();
  });

  it.each<[string, RawCall, string]>([
    [
      "an expired timestamp",
      { timestampSeconds: Math.floor(Date.now() / 1000) - 400 },
      "AuthFailure.SignatureExpire",
    ],
    [
      "a timestamp ahead",
      { timestampSeconds: Math.floor(Date.now() / 1000) + 400 },
      "AuthFailure.SignatureExpire",
    ],
    ["an unknown action", { action: "NoSuchAction" }, "InvalidAction"],
    ["an unknown version", { version: "2099-01-01" }, "NoSuchVersion"],
    ["an unknown region", { region: "mars-north" }, "UnsupportedRegion"],
    ["a body that is no JSON", { body: "hello" }, "InvalidParameter"],
    ["a body that is no object", { body: "[1]" }, "InvalidParameter"],
    ["a body with a broken end", { body: '{"NumberOfBytes":8' }, "InvalidParameter"],
    ["a missing parameter", { body: "{}" }, "MissingParameter"],
    ["a mistyped parameter", { body: '{"NumberOfBytes":{}}' }, "InvalidParameter"],
    [
      "an Authorization of another kind",
      { headers: { authorization: "Basic x" } },
      "AuthFailure.InvalidAuthorization",
    ],
    [
      "the literal SKIP",
      { headers: { authorization: "SKIP" } },
      "AuthFailure.InvalidAuthorization",
    ],
  ])("refuses %s", async (_, rest, code) => {
    const answer = await call({ body: random, ...rest });
    expect(answer.code).toBe(code);
    expect(answer.status).toBe(200);
  });

  it("refuses a body of 12 MB without reading it into memory for ever", async () => {
    const body = Buffer.alloc(12 * 1024 * 1024, 0x20);
    const answer = await call({ body }).catch((error: NodeJS.ErrnoException) => error.code);
    // The server may answer and close before all is sent; it must never answer anything else.
    if (typeof answer === "object") expect(answer.code).toBe("RequestSizeLimitExceeded");
    else expect(["ECONNRESET", "EPIPE"]).toContain(answer);
    expect((await call({ body: random })).code).toBeUndefined();
  });

  it("lets one signature serve other calls for five seconds only, for clients that make two within one", async () => {
    const timestampSeconds = Math.floor(Date.now() / 1000) - 7;
    const body = JSON.stringify({ KeyId: keyId, Pad: door });
    const describeKey = () => call({ action: "DescribeKey", body, timestampSeconds });
    const enableKey = () => call({ action: "EnableKey", body, timestampSeconds });
    const firstUsedAt = Date.now();
    expect((await describeKey()).code).toBeUndefined();
    expect((await enableKey()).code).toBeUndefined();
    await sleep(firstUsedAt + signatureReuseMs + 500 - Date.now());
    expect((await describeKey()).code).toBeUndefined();
    expect((await enableKey()).code).toBe("AuthFailure.SignatureExpire");
  }, 20_000);

  it("does not let a data-plane signature serve another action later", async () => {
    const timestampSeconds = Math.floor(Date.now() / 1000) - 9;
    const { CiphertextBlob } = await createClient(system).Encrypt({
      KeyId: keyId,
      Plaintext: base64("x"),
    });
    const body = JSON.stringify({ CiphertextBlob, Pad: door });
    const firstUsedAt = Date.now();
    expect((await call({ action: "ReEncrypt", body, timestampSeconds })).code).toBeUndefined();
    await sleep(firstUsedAt + signatureReuseMs + 500 - Date.now());
    const later = await call({ action: "Decrypt", body, timestampSeconds });
    expect(later.code).toBe("AuthFailure.SignatureExpire");
    expect(later.Response.Plaintext).toBeUndefined();
    expect((await call({ action: "ReEncrypt", body, timestampSeconds })).code).toBeUndefined();
  }, 20_000);

  it("refuses an unsigned payload for Decrypt and state changes, and takes it elsewhere", async () => {
    const unsignedPayload = true;
    expect((await call({ body: random, unsignedPayload })).code).toBeUndefined();
    const body = JSON.stringify({ KeyId: keyId });
    expect((await call({ action: "DisableKey", body, unsignedPayload })).code).toMatch(
      /^AuthFailure/,
    );
    const { CiphertextBlob } = await createClient(system).Encrypt({
      KeyId: keyId,
      Plaintext: base64("x"),
    });
    const blob = JSON.stringify({ CiphertextBlob });
    expect((await call({ action: "Decrypt", body: blob, unsignedPayload })).code).toMatch(
      /^AuthFailure/,
    );
  });

  it("takes no forwarding header from a client", async () => {
    const forged = Buffer.from(
      JSON.stringify({
        type: "edge-kms/forward/1",
        payload: "e30=",
        signature: `${"A".repeat(86)}==`,
      }),
    ).toString("base64");
    const answer = await call({ body: random, headers: { "x-edge-kms-forward": forged } });
    // Served as if the header were absent, or refused: never believed.
    expect([
      undefined,
      "InvalidRequest",
      "AuthFailure.SignatureFailure",
      "AuthFailure.UnauthorizedOperation",
    ]).toContain(answer.code);
  });
});

describe("tccli", () => {
  it("is served at the control plane's door with the Host header it sends over plain http", async () => {
    const host = system.env.CONTROL_PLANE_ENDPOINT ?? "";
    for (const call of [
      { action: "ListKeys", body: "{}" },
      { action: "Encrypt", body: JSON.stringify({ KeyId: keyId, Plaintext: base64("tccli") }) },
    ]) {
      const answer = await rawCall(system, { door: "control plane", host, ...call });
      expect(answer.code).toBeUndefined();
    }
  });
});
