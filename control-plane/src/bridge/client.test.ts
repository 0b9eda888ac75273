import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bridge, openBridge } from "./client.ts";
import { leaseErrorCode, toManagementError } from "./errors.ts";

let server: Server;
let bridge: Bridge;
let answer: (response: ServerResponse, body: string) => void;

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => answer(response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  bridge = openBridge({ url: url(), tls: null, deadlineMs: 300 });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await bridge.close();
});

const json = (status: number, body: unknown) => (response: ServerResponse) =>
  response.writeHead(status).end(JSON.stringify(body));

test("returns what the schema lets through", async () => {
  answer = json(200, { ok: { store: "software", tookMs: 3 } });
  expect(await bridge.call("health", {})).toEqual({ store: "software", tookMs: 3 });
});

test("gives the bridge's code", async () => {
  answer = json(403, { error: { code: "frozen", message: "by an operator" } });
  await expect(bridge.call("health", {})).rejects.toMatchObject({ code: "frozen" });
});

test.each([
  ["an unknown code", 500, { error: { code: "whatever" } }],
  ["an unknown field", 200, { ok: { store: "software", tookMs: 3, more: 1 } }],
  ["neither result nor error", 200, {}],
])("refuses an answer with %s", async (_name, status, body) => {
  answer = json(status, body);
  await expect(bridge.call("health", {})).rejects.toMatchObject({ code: "malformed-answer" });
});

test("refuses an answer that is no JSON", async () => {
  answer = (response) => response.end("<html>");
  await expect(bridge.call("health", {})).rejects.toMatchObject({ code: "malformed-answer" });
});

test("refuses to send what the bridge cannot accept", async () => {
  answer = () => expect.unreachable();
  await expect(bridge.call("random", { bytes: 0 })).rejects.toMatchObject({ code: "bad-request" });
});

test("tells a lost answer from a call that never arrived", async () => {
  answer = (response) => response.destroy();
  await expect(bridge.call("health", {})).rejects.toMatchObject({ code: "no-answer" });
  answer = () => {};
  await expect(bridge.call("health", {})).rejects.toMatchObject({ code: "no-answer" });
  const nobody = openBridge({ url: "http://127.0.0.1:1", tls: null });
  await expect(nobody.call("health", {})).rejects.toMatchObject({ code: "unreachable" });
  await nobody.close();
});

test("leaves connections alone that give no answer, and takes new ones", async () => {
  const dead = new WeakSet<object>();
  let isSilent = false;
  answer = (response) => {
    const { socket } = response;
    if (socket === null || dead.has(socket)) return;
    if (isSilent) dead.add(socket);
    else json(200, { ok: { store: "software", tookMs: 1 } })(response);
  };
  const health = () => bridge.call("health", {});
  const all = () => Promise.allSettled(Array.from({ length: 8 }, health));
  await all();
  isSilent = true;
  await all();
  isSilent = false;
  // None of the eight is used again: each would fail at its deadline.
  for (const { status } of await all()) expect(status).toBe("fulfilled");
});

test("gives up what is under way on silent connections when the bridge answers on others", async () => {
  const patient = openBridge({ url: url(), tls: null, deadlineMs: 10_000 });
  const held: (() => void)[] = [];
  let isSilent = true;
  const health = json(200, { ok: { store: "software", tookMs: 1 } });
  answer = (response) => {
    if (isSilent) held.push(() => health(response));
    else health(response);
  };
  const startMs = performance.now();
  const lost = Promise.allSettled([patient.call("health", {}), patient.call("health", {})]);
  const slow = patient.call("createKeyPair", {
    account: "100000000001",
    region: "ap-guangzhou",
    keyId: "736f1eef-d8d3-43f2-8bac-accac07b5483",
    usage: "ASYMMETRIC_SIGN_VERIFY_ECC",
  });
  slow.catch(() => {});
  await expect(patient.call("status", {})).rejects.toMatchObject({ code: "no-answer" });
  isSilent = false;
  for (const one of await lost) {
    expect(one).toMatchObject({ status: "rejected", reason: { code: "no-answer" } });
  }
  expect(performance.now() - startMs).toBeLessThan(9_000);
  expect(await Promise.race([slow.catch(() => "ended"), Promise.resolve("waits")])).toBe("waits");
  server.closeAllConnections();
  await patient.close();
}, 20_000);

test("answers of management actions: transient trouble may be retried, our own mistakes are ours", async () => {
  answer = json(503, { error: { code: "hsm-unavailable" } });
  const unavailable = await bridge.call("health", {}).catch(toManagementError);
  expect(unavailable).toMatchObject({
    code: "UnsupportedOperation.ServiceTemporaryUnavailable",
  });
  answer = json(400, { error: { code: "bad-request" } });
  expect(await bridge.call("health", {}).catch(toManagementError)).toMatchObject({
    code: "InternalError",
  });
  expect(toManagementError("other")).toBe("other");
});

test("what the bridge does not know of a ciphertext is an invalid ciphertext", () => {
  expect(leaseErrorCode("not-found", "decrypt")).toBe("InvalidParameterValue.InvalidCiphertext");
  expect(leaseErrorCode("wrong-group", "decrypt")).toBe("InvalidParameterValue.InvalidCiphertext");
  expect(leaseErrorCode("not-authentic", "decrypt")).toBe(
    "InvalidParameterValue.InvalidCiphertext",
  );
  expect(leaseErrorCode("not-permitted", "decrypt")).toBe("UnauthorizedOperation");
  expect(leaseErrorCode("not-found", "encrypt")).toBe("InternalError");
  expect(leaseErrorCode("destroyed", "decrypt")).toBe("ResourceUnavailable.CmkNotFound");
  expect(leaseErrorCode("conflict", "encrypt")).toBe("ResourceUnavailable.KeyPendingDelete");
  expect(leaseErrorCode("conflict", "decrypt")).toBe("ResourceUnavailable.CmkDisabled");
  expect(leaseErrorCode("no code of the bridge", "encrypt")).toBe("InternalError");
});
