/** Who is believed, and for what. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { base64, type CallOptions, call, callV1, send, signedHeaders } from "./support/client.ts";
import { until } from "./support/edge.ts";
import { AES, SM4, type System, startSystem } from "./support/system.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ signatureReuseMs: 0 });
});
afterAll(() => system.dispose());

const random = (options: Partial<CallOptions> = {}) =>
  call(
    system.edge.url,
    "GenerateRandom",
    { NumberOfBytes: 8, TestOnly: crypto.randomUUID() },
    { account: system.account, ...options },
  );

describe("a signature is refused", () => {
  test("with a wrong SecretKey, by the bridge first and by the edge when it knows the caller", async () => {
    const account = system.controlPlane.addAccount("100000000011");
    const asked = system.controlPlane.asked.credentials;
    const wrong = { account, secretKey: "not the secret key of this one!!" };
    expect((await random(wrong)).code).toBe("AuthFailure.SignatureFailure");
    expect((await random({ account })).code).toBe("");
    expect((await random(wrong)).code).toBe("AuthFailure.SignatureFailure");
    expect((await random({ account })).code).toBe("");
    expect(system.controlPlane.asked.credentials).toBe(asked + 2);
  });

  test("of an unknown SecretId, and of one that cannot be one", async () => {
    for (const secretId of [`AKID${"0".repeat(32)}`, "AKIDshort", "someone"]) {
      const account = { ...system.account, secretId };
      expect((await random({ account })).code).toBe("AuthFailure.SecretIdNotFound");
    }
  });

  test("when its time stamp is more than five minutes off", async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const timestampSeconds of [now - 310, now + 310]) {
      expect((await random({ timestampSeconds })).code).toBe("AuthFailure.SignatureExpire");
    }
  });

  test("when body, action header or Authorization are not what they should be", async () => {
    const body = new TextEncoder().encode('{"NumberOfBytes":8}');
    const headers = signedHeaders(system.edge.url, "GenerateRandom", body, {
      account: system.account,
    });
    const post = (changes: Record<string, string>, text = '{"NumberOfBytes":8}') =>
      send(system.edge.url, { method: "POST", headers: { ...headers, ...changes }, body: text });
    expect((await post({}, '{"NumberOfBytes":9}')).code).toBe("AuthFailure.SignatureFailure");
    expect((await post({ authorization: "SKIP" })).code).toBe("AuthFailure.InvalidAuthorization");
    expect((await post({ "x-tc-token": "something" })).code).toBe("AuthFailure.TokenFailure");
    expect((await post({})).code).toBe("");
  });
});

test("a signed GET is served, its parameters in the query", async () => {
  const { account, edge } = { account: system.account, edge: system.edge };
  const query = `NumberOfBytes=12&TestOnly=${crypto.randomUUID()}`;
  const answer = await fetch(`${edge.url}/?${query}`, {
    headers: signedHeaders(edge.url, "GenerateRandom", new Uint8Array(0), { account, query }),
  });
  const { Response: response } = (await answer.json()) as { Response: { Plaintext: string } };
  expect(Buffer.from(response.Plaintext, "base64")).toHaveLength(12);
});

test("any service string in the scope is served, each with a key of its own", async () => {
  const asked = system.controlPlane.asked.credentials;
  for (const service of ["kms", "127", "localhost:8787"]) {
    expect((await random({ service })).code).toBe("");
    expect((await random({ service })).code).toBe("");
  }
  expect(system.controlPlane.asked.credentials).toBeLessThanOrEqual(asked + 3);
});

test("many callers at once cost one credential lease", async () => {
  const account = system.controlPlane.addAccount("100000000012");
  const asked = system.controlPlane.asked.credentials;
  const codes = await Promise.all(Array.from({ length: 40 }, () => random({ account })));
  expect(codes.every(({ code }) => code === "")).toBe(true);
  expect(system.controlPlane.asked.credentials - asked).toBeLessThanOrEqual(2);
});

describe("version 1 signatures", () => {
  test.each(["HmacSHA1", "HmacSHA256"] as const)(
    "%s is verified by the bridge, each time",
    async (method) => {
      const { url } = system.edge;
      const { keyId } = system.keys[AES];
      const options = { account: system.account, method };
      const asked = system.controlPlane.asked.credentials;
      const made = await callV1(
        url,
        "Encrypt",
        { KeyId: keyId, Plaintext: base64("hello") },
        options,
      );
      expect(made.code).toBe("");
      const blob = String(made.response.CiphertextBlob);
      const back = await callV1(url, "Decrypt", { CiphertextBlob: blob }, options);
      expect(back.response.Plaintext).toBe(base64("hello"));
      expect(system.controlPlane.asked.credentials).toBe(asked + 2);
      const wrong = { ...options, account: { ...system.account, secretKey: "wrong" } };
      const refused = await callV1(url, "Decrypt", { CiphertextBlob: blob }, wrong);
      expect(refused.code).toBe("AuthFailure.SignatureFailure");
    },
  );

  /** Everything the control plane could read, the payloads of signed messages in the clear. */
  const seenByControlPlane = (controlPlane: System["controlPlane"]): string =>
    controlPlane.seen
      .map((body) => `${body}\n${Buffer.from(JSON.parse(body).payload, "base64")}`)
      .join("\n");

  const encryptV1 = (
    { edge, account, keys }: System,
    text: string,
    method: "HmacSHA1" | "HmacSHA256" = "HmacSHA256",
  ) =>
    callV1(
      edge.url,
      "Encrypt",
      { KeyId: keys[AES].keyId, Plaintext: base64(text) },
      { account, method },
    );

  test("show the control plane who calls, and nothing of the parameters", async () => {
    const text = "v1 signs this in the clear";
    for (const method of ["HmacSHA1", "HmacSHA256"] as const) {
      expect((await encryptV1(system, text, method)).code).toBe("");
    }
    await until(() =>
      system.controlPlane.allRecords().some(({ event }) => event.signatureMethod === "HmacSHA256"),
    );
    const seen = seenByControlPlane(system.controlPlane);
    expect(seen).toContain(system.account.secretId);
    expect(seen).toContain('"method":"HmacSHA256"');
    for (const hidden of [text, base64(text), "SignatureMethod=", 'stringsToSign":["POST']) {
      expect(seen).not.toContain(hidden);
      expect(system.edge.log).not.toContain(hidden);
    }
  });

  test("are sealed anew when the bridge has started again, and many at once fetch its key once", async () => {
    const { controlPlane } = system;
    expect((await encryptV1(system, "before")).code).toBe("");
    const asked = { ...controlPlane.asked };
    expect((await encryptV1(system, "known")).code).toBe("");
    expect(controlPlane.asked.sealingKeys).toBe(asked.sealingKeys);
    controlPlane.restartBridge();
    const codes = await Promise.all(
      Array.from({ length: 10 }, (_, n) => encryptV1(system, `after ${n}`)),
    );
    expect(codes.map(({ code }) => code)).toEqual(Array(10).fill(""));
    expect(controlPlane.asked.sealingKeys).toBe(asked.sealingKeys + 1);
  });

  test("are not sent at all under a key that the bridge did not sign", async () => {
    const fresh = await startSystem();
    try {
      const { controlPlane } = fresh;
      controlPlane.sealingKeySigner = controlPlane.forwarding;
      expect((await encryptV1(fresh, "not for you")).code).toBe("InternalError");
      expect(controlPlane.asked).toMatchObject({ sealingKeys: 1, credentials: 0 });
      controlPlane.sealingKeySigner = controlPlane.bridge;
      expect((await encryptV1(fresh, "for the bridge")).code).toBe("");
      expect(seenByControlPlane(controlPlane)).not.toContain(base64("not for you"));
    } finally {
      await fresh.dispose();
    }
  });
});

test("a principal whose signing key is not leased is verified each time", async () => {
  const account = system.controlPlane.addAccount("100000000013");
  account.isLeased = false;
  const asked = system.controlPlane.asked.credentials;
  for (let n = 0; n < 3; n++) expect((await random({ account })).code).toBe("");
  expect(system.controlPlane.asked.credentials).toBe(asked + 3);
});

test("a sub-user may do nothing yet, and no key is leased for finding out", async () => {
  const user = system.controlPlane.addAccount(system.account.principal.account, "user");
  const asked = system.controlPlane.asked.leases;
  const key = system.controlPlane.addKey(system.account.principal.account, AES, 1);
  const answer = await call(
    system.edge.url,
    "Encrypt",
    { KeyId: key.keyId, Plaintext: "" },
    { account: user },
  );
  expect(answer.code).toBe("UnauthorizedOperation");
  expect(system.controlPlane.asked.leases).toBe(asked);
});

test("Decrypt needs a signed payload, Encrypt does not", async () => {
  const options = { account: system.account, isPayloadUnsigned: true };
  const { keyId } = system.keys[AES];
  const made = await call(
    system.edge.url,
    "Encrypt",
    { KeyId: keyId, Plaintext: base64("a") },
    { ...options, timestampSeconds: Math.floor(Date.now() / 1000) - 20 },
  );
  expect(made.code).toBe("");
  const answer = await call(
    system.edge.url,
    "Decrypt",
    { CiphertextBlob: made.response.CiphertextBlob },
    { ...options, timestampSeconds: Math.floor(Date.now() / 1000) - 40 },
  );
  expect(answer.code).toBe("AuthFailure.SignatureFailure");
});

describe("a signature used again", () => {
  const replay = (headers: Record<string, string>, body: Uint8Array) =>
    send(system.edge.url, { method: "POST", headers, body: new Uint8Array(body) });

  test("serves the same read, and nothing else where reuse is not allowed", async () => {
    const body = new TextEncoder().encode(
      JSON.stringify({ KeyId: system.keys[AES].keyId, Plaintext: "", NumberOfBytes: 16 }),
    );
    const headers = signedHeaders(system.edge.url, "Encrypt", body, { account: system.account });
    expect((await replay(headers, body)).code).toBe("");
    expect((await replay(headers, body)).code).toBe("");
    for (const other of [
      { "x-tc-action": "GenerateDataKey" },
      { "x-tc-region": SM4 },
      { "x-tc-region": "" },
    ]) {
      const refused = await replay({ ...headers, ...other }, body);
      expect(refused.code).toBe("AuthFailure.SignatureExpire");
    }
    expect((await replay(headers, body)).code).toBe("");
    await until(() =>
      system.controlPlane
        .allRecords()
        .some(({ event }) => event.reason === "replayed-signature" && event.keyIds.length > 0),
    );
  });

  test("serves a second call with the same body where reuse is allowed, as SDKs make them", async () => {
    const lenient = await startSystem();
    try {
      const { keyId } = lenient.keys[AES];
      const options = { account: lenient.account, timestampSeconds: Math.floor(Date.now() / 1000) };
      const params = { KeyId: keyId, Plaintext: "", NumberOfBytes: 16 };
      for (const action of ["Encrypt", "GenerateDataKey", "GenerateRandom"]) {
        expect((await call(lenient.edge.url, action, params, options)).code).toBe("");
      }
    } finally {
      await lenient.dispose();
    }
  });
});
