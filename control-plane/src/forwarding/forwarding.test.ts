/** Calls between the doors: from an edge to here, from here to an edge, and never twice. */

import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { FORWARD_HEADER, type ForwardedCall, forwardedCall } from "@edge-kms/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { restoreEdge, revokeEdge } from "../db/queries/edge-revocations.ts";
import { importPublicKey } from "../signed-messages/ed25519.ts";
import { decodeHeader, encodeHeader, readMessage } from "../signed-messages/signed-messages.ts";
import { callApi, send, signedHeaders } from "../testing/client.ts";
import { callEventsOf } from "../testing/events.ts";
import { random16 } from "../testing/fake-bridge.ts";
import { type Account, type Harness, startHarness, type TestEdge } from "../testing/harness.ts";

let h: Harness;
let root: Account;
let edge: TestEdge;
let fakeEdge: Server;
let received: { request: IncomingMessage; body: Buffer }[] = [];
const edgeAnswer = '{"Response":{"CiphertextBlob":"AAAA","RequestId":"x"}}';

beforeAll(async () => {
  fakeEdge = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ request, body: Buffer.concat(chunks) });
      response.setHeader("content-type", "application/json").end(edgeAnswer);
    });
  });
  await new Promise<void>((resolve) => fakeEdge.listen(0, "127.0.0.1", resolve));
  const { port } = fakeEdge.address() as AddressInfo;
  // The first edge is not there: the next one serves.
  h = await startHarness({ edgeUrls: ["http://127.0.0.1:1", `http://127.0.0.1:${port}`] });
  root = await h.account();
  edge = h.edge(root);
});
beforeEach(() => {
  received = [];
});
afterAll(async () => {
  await h.close();
  fakeEdge.closeAllConnections();
  fakeEdge.close();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A call that the edge received for `edge.example.test` and passes on. */
function forwarded(
  action: string,
  params: object,
  change: (call: ForwardedCall) => ForwardedCall = (call) => call,
  caller: Account = root,
  query = "",
) {
  const method = query === "" ? "POST" : "GET";
  const body = Buffer.from(method === "GET" ? "" : JSON.stringify(params));
  const host = "edge.example.test";
  const { host: _, ...headers } = signedHeaders(
    caller,
    action,
    body,
    { method, timestampSeconds: Math.floor(Date.now() / 1000) - Math.floor(Math.random() * 200) },
    host,
    query,
  );
  const { nonce, timeMs } = edge.origin();
  const call: ForwardedCall = {
    forwarder: edge.edge,
    nonce,
    timeMs,
    hops: 1,
    requestId: "0a0b0c0d-0000-4000-8000-000000000000",
    method,
    target: query === "" ? "/" : `/?${query}`,
    host,
    headers,
    bodySha256: sha256(body),
    clientAddress: "192.0.2.7",
  };
  const message = edge.sign("edge-kms/forward/1", change(call));
  return { headers: { ...headers, [FORWARD_HEADER]: encodeHeader(message) }, body };
}
const post = ({ headers, body }: { headers: Record<string, string>; body: Buffer }, more = {}) =>
  send(h.url, "POST", "/", { ...headers, host: new URL(h.url).host, ...more }, body);

describe("from an edge", () => {
  test("verifies the caller with the Host that the edge received, and answers", async () => {
    const { response } = await post(forwarded("CreateKey", { Alias: "through-the-edge" }));
    expect(response).toMatchObject({
      KeyState: "Enabled",
      RequestId: "0a0b0c0d-0000-4000-8000-000000000000",
    });
    const events = await callEventsOf(h.database, root.principal.account);
    expect(events.at(-1)).toMatchObject({ action: "CreateKey", sourceAddress: "192.0.2.7" });
  });

  test("is refused for callers of an account that revoked the edge, until it restores it", async () => {
    await h.database.read((db) => revokeEdge(db, root.principal.account, edge.edge, 1));
    try {
      const refused = await post(forwarded("CreateKey", { Alias: "through-a-revoked-edge" }));
      expect(refused.code).toBe("UnauthorizedOperation");
    } finally {
      await h.database.read((db) => restoreEdge(db, root.principal.account, edge.edge));
    }
    expect((await post(forwarded("ListKeys", {}))).code).toBeUndefined();
  });

  test.each<[string, (call: ForwardedCall) => ForwardedCall]>([
    ["of an unknown edge", (call) => ({ ...call, forwarder: "nobody" })],
    ["in the control plane's own name", (call) => ({ ...call, forwarder: "control-plane" })],
    ["that is too old", (call) => ({ ...call, timeMs: call.timeMs - 65_000 })],
    ["with another method", (call) => ({ ...call, method: "GET" })],
    ["with another target", (call) => ({ ...call, target: "/?a=b" })],
    ["with another body", (call) => ({ ...call, bodySha256: sha256(Buffer.from("other")) })],
    [
      "with a header less",
      ({ headers: { "x-tc-region": _, ...headers }, ...call }) => ({ ...call, headers }),
    ],
    [
      "with a header changed",
      (call) => ({ ...call, headers: { ...call.headers, "x-tc-action": "ListKeys" } }),
    ],
  ])("refuses a call %s", async (_name, change) => {
    const answer = await post(forwarded("ListKeys", {}, change), {
      ...(_name === "with a header changed" ? { "x-tc-action": "GetRegions" } : {}),
    });
    expect(answer).toMatchObject({ status: 200, code: "InvalidRequest" });
  });

  test("takes a GET with 30 KB on its request line, which its signed header repeats", async () => {
    const query = `SearchKeyAlias=${"x".repeat(200)}&Padding=${"x".repeat(30_000)}`;
    const call = forwarded("ListKeyDetail", {}, (payload) => payload, root, query);
    const answer = await send(h.url, "GET", `/?${query}`, call.headers, call.body);
    expect(answer).toMatchObject({ status: 200, response: { TotalCount: 0 } });
  });

  test("refuses the same forwarded call twice", async () => {
    const call = forwarded("ListKeys", {});
    expect((await post(call)).code).toBeUndefined();
    expect((await post(call)).code).toBe("InvalidRequest");
  });

  test("a changed Host or signature of the caller fails as it would directly", async () => {
    const answer = await post(forwarded("ListKeys", {}, (call) => ({ ...call, host: "other" })));
    expect(answer.code).toBe("AuthFailure.SignatureFailure");
  });

  test("an edge vouches for callers of its own accounts only", async () => {
    const stranger = await h.account();
    const answer = await post(forwarded("ListKeys", {}, (call) => call, stranger));
    expect(answer.code).toBe("AuthFailure.SecretIdNotFound");
  });

  test("a header that a client made up is refused, not ignored", async () => {
    for (const value of ["", "x", random16()]) {
      const answer = await root.call("ListKeys", {}, { headers: { [FORWARD_HEADER]: value } });
      expect(answer.code).toBe("InvalidRequest");
    }
  });

  test("a data-plane call is never forwarded a second time", async () => {
    const answer = await post(forwarded("Encrypt", { KeyId: "x", Plaintext: "AA==" }));
    expect(answer.code).toBe("InternalError");
    const headers = { [FORWARD_HEADER]: "made up" };
    await root.call("Encrypt", { KeyId: "x", Plaintext: "AA==" }, { headers });
    expect(received).toEqual([]);
  });
});

describe("to an edge", () => {
  const ownKey = () => {
    const raw = readFileSync(`${h.home}/pki/control-plane-forwarding.pub`, "utf8").trim();
    const key = importPublicKey(raw);
    if (key === null) throw new Error("no public key");
    return key.type === "public" ? key : createPublicKey(key);
  };

  test("passes a data-plane call on, signed, with headers and body as received", async () => {
    const params = { KeyId: "k", Plaintext: "AA==" };
    const answer = await callApi(h.url, root, "Encrypt", params, { host: "kms.example.test" });
    expect(answer).toMatchObject({
      status: 200,
      text: edgeAnswer,
      contentType: "application/json",
    });
    const [{ request, body } = expect.unreachable()] = received;
    expect(body.toString()).toBe(JSON.stringify(params));
    const input = decodeHeader(String(request.headers[FORWARD_HEADER]));
    const message = readMessage(input, "edge-kms/forward/1", forwardedCall);
    expect(message?.isSignedBy(ownKey())).toBe(true);
    expect(message?.claimed).toMatchObject({
      forwarder: "control-plane",
      hops: 1,
      method: "POST",
      target: "/",
      host: "kms.example.test",
      bodySha256: sha256(body),
      clientAddress: "127.0.0.1",
    });
    for (const [name, value] of Object.entries(message?.claimed.headers ?? {})) {
      expect(request.headers[name]).toBe(value);
    }
    expect(message?.claimed.headers["x-tc-action"]).toBe("Encrypt");
  });

  test("passes the query of a GET on exactly as received", async () => {
    const target = "/?KeyId=k%2F&Plaintext=A+A%3d%3D&";
    const body = Buffer.alloc(0);
    const options = { method: "GET" } as const;
    const headers = signedHeaders(root, "Encrypt", body, options, "kms.test", target.slice(2));
    // `&` at the end is no form; the edge says so, not this door.
    await send(h.url, "GET", target.slice(0, -1), headers, body);
    expect(received.map(({ request }) => [request.method, request.url])).toEqual([
      ["GET", target.slice(0, -1)],
    ]);
  });

  test("is refused where a setting says so, and where no edge is there", async () => {
    const params = { KeyId: "k", Plaintext: "AA==" };
    const closed = await h.another({ forwardDataPlane: false });
    expect((await callApi(closed.url, root, "Encrypt", params)).code).toBe("UnsupportedOperation");
    const none = await h.another({ edgeUrls: [] });
    expect((await callApi(none.url, root, "Encrypt", params)).code).toBe("UnsupportedOperation");
    const away = await h.another({ edgeUrls: ["http://127.0.0.1:1"] });
    expect((await callApi(away.url, root, "Encrypt", params)).code).toBe("InternalError");
    expect(received).toEqual([]);
  });

  test("the log has nothing of the call's parameters", async () => {
    await callApi(h.url, root, "Encrypt", { KeyId: "k", Plaintext: "bWFyay1wbGFpbnRleHQ=" });
    expect(h.logLines.join("")).toContain('"action":"Encrypt"');
    expect(h.logLines.join("")).not.toContain("bWFyay1wbGFpbnRleHQ");
  });
});
