import { AUDIT_CHAIN_START, type Operation } from "@edge-kms/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Account, type Harness, startHarness, type TestEdge } from "../testing/harness.ts";
import { setKeyFields } from "../testing/keys.ts";

let h: Harness;
let root: Account;
let edge: TestEdge;
beforeAll(async () => {
  h = await startHarness();
  root = await h.account();
  edge = h.edge(root);
});
afterAll(() => h.close());

const path = "/edge/v1/operations";
const sealed = { kem: 0x0020, enc: "", ciphertext: "" };
const requestOf = (operation: Operation, more = {}) =>
  edge.sign("edge-kms/operation-request/1", {
    ...edge.origin(),
    hpkePublicKey: Buffer.alloc(32, 9).toString("base64"),
    auditHead: { seq: 0, hash: AUDIT_CHAIN_START },
    operation,
    sealingKeyId: "00".repeat(8),
    sealed,
    ...more,
  });
const toEncrypt = (keyId: string): Operation => ({
  purpose: "encrypt",
  account: root.principal.account,
  region: "ap-singapore",
  keyId,
});
const toDecrypt = (keyId: string, more = {}): Operation => ({
  ...toEncrypt(keyId),
  purpose: "decrypt",
  version: 1,
  branch: "00".repeat(8),
  suite: 1,
  ...more,
});
/** `performed`, or the code. */
const outcome = async (operation: Operation): Promise<string> => {
  const { status, body } = await edge.post(path, requestOf(operation));
  expect(status).toBe(200);
  return "result" in body ? "performed" : (body.error as { code: string }).code;
};

/** Other calls, of freezes for example, are made all the time. */
const lastOperate = () => h.bridge.calls.findLast(({ name }) => name === "operate");

test("passes the request on unchanged, with epoch and budget", async () => {
  const keyId = await root.createKey("proxied");
  const message = requestOf(toEncrypt(keyId));
  const { status, body } = await edge.post(path, message);
  expect(status).toBe(200);
  expect(body).toMatchObject({ result: { type: "edge-kms/operation-result/1" } });
  expect(lastOperate()).toEqual({
    name: "operate",
    request: {
      request: message,
      epoch: { generation: 1, counter: 0 },
      maxUnacknowledged: 50_000,
    },
  });
});

test("authorises as for a lease: state, account, region, mode, version", async () => {
  const keyId = await root.createKey("authorised");
  for (const edgeMode of ["lease", "proxy"] as const) {
    await setKeyFields(h.database, keyId, { edgeMode });
    expect(await outcome(toEncrypt(keyId))).toBe("performed");
    expect(await outcome(toDecrypt(keyId))).toBe("performed");
  }
  const asked = () => h.bridge.calls.filter(({ name }) => name === "operate").length;
  const before = asked();
  await setKeyFields(h.database, keyId, { edgeMode: "deny" });
  expect(await outcome(toEncrypt(keyId))).toBe("UnauthorizedOperation");
  expect(await outcome(toDecrypt(keyId))).toBe("UnauthorizedOperation");
  await setKeyFields(h.database, keyId, { edgeMode: "proxy", state: "Disabled" });
  expect(await outcome(toEncrypt(keyId))).toBe("ResourceUnavailable.CmkDisabled");
  expect(await outcome(toDecrypt(keyId))).toBe("ResourceUnavailable.CmkDisabled");
  const invalid = "InvalidParameterValue.InvalidCiphertext";
  expect(await outcome(toDecrypt(keyId, { version: 2 }))).toBe(invalid);
  expect(await outcome(toDecrypt(keyId, { region: "ap-guangzhou" }))).toBe(invalid);
  expect(await outcome(toDecrypt(keyId, { account: "100000009999" }))).toBe(invalid);
  expect(await outcome(toDecrypt(keyId, { suite: 2 }))).toBe(invalid);
  expect(asked()).toBe(before);
});

test("asks again after raising the epochs to what the bridge has seen", async () => {
  const keyId = await root.createKey("behind");
  h.bridge.seen.set(root.principal.account, 1_000);
  expect(await outcome(toEncrypt(keyId))).toBe("performed");
  expect(lastOperate()?.request).toMatchObject({ epoch: { counter: 1_000 } });
});

test.each([
  ["not-permitted", "UnauthorizedOperation"],
  ["frozen", "UnauthorizedOperation"],
  ["not-authentic", "InvalidParameterValue.InvalidCiphertext"],
  ["not-found", "InvalidParameterValue.InvalidCiphertext"],
  ["destroyed", "ResourceUnavailable.CmkNotFound"],
  ["hsm-unavailable", "InternalError"],
] as const)("the caller is told of %s", async (failure, code) => {
  const keyId = await root.createKey(`refused-${failure}`);
  h.bridge.failNext("operate", failure);
  expect(await outcome(toDecrypt(keyId))).toBe(code);
});

test.each([
  ["edge-refused", 403, "edge-refused"],
  ["sealing-key-changed", 409, "sealing-key-changed"],
  ["no-answer", 503, "unavailable"],
] as const)("the edge is told of %s", async (failure, status, code) => {
  const keyId = await root.createKey(`edge-${failure}`);
  h.bridge.failNext("operate", failure);
  expect(await edge.post(path, requestOf(toEncrypt(keyId)))).toMatchObject({
    status,
    body: { error: { code } },
  });
});

test("requests sent twice, with an unknown field, or of a frozen edge are refused", async () => {
  const keyId = await root.createKey("refused");
  const message = requestOf(toEncrypt(keyId));
  expect((await edge.post(path, message)).status).toBe(200);
  expect((await edge.post(path, message)).status).toBe(403);
  expect((await edge.post(path, requestOf(toEncrypt(keyId), { more: 1 }))).status).toBe(400);
  const row = h.bridge.edges.find(({ edge: name }) => name === edge.edge);
  if (row !== undefined) row.frozen = true;
  // The list of edges is read anew with the next enrolment.
  h.edge(root);
  await edge.post(path, requestOf(toEncrypt(keyId), { edge: "nobody" }));
  expect((await edge.post(path, requestOf(toEncrypt(keyId)))).status).toBe(403);
});
