import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bridge, openBridge } from "./client.ts";
import { leaseErrorCode, toManagementError } from "./errors.ts";

let server: Server;
let bridge: Bridge;
let answer: (response: ServerResponse, body: string) => void;

beforeEach(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => answer(response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  bridge = openBridge({ url: `http://127.0.0.1:${port}`, tls: null, deadlineMs: 300 });
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
  // None of the eight is used again: each would take its deadline to fail.
  const startMs = performance.now();
  for (const { status } of await all()) expect(status).toBe("fulfilled");
  expect(performance.now() - startMs).toBeLessThan(250);
});

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
