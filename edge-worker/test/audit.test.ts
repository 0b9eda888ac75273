/** What was answered is recorded; what cannot be recorded is not answered (promise P3). */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiAnswer, base64, call, signedHeaders } from "./support/client.ts";
import { until } from "./support/edge.ts";
import { AES, type System, startSystem } from "./support/system.ts";

let system: System;
beforeEach(async () => {
  system = await startSystem({ clientAddressHeader: "x-test-address" });
});
afterEach(() => system.dispose());

const run = (action: string, params: object, headers: Record<string, string> = {}) =>
  call(
    system.edge.url,
    action,
    { ...params, TestOnly: crypto.randomUUID() },
    { account: system.account, headers },
  );

const encrypt = (plaintext = "x"): Promise<ApiAnswer> =>
  run("Encrypt", { KeyId: system.keys[AES].keyId, Plaintext: base64(plaintext) });

const delivered = () => system.controlPlane.allRecords();

test("a record says who did what with which key, from where, and how it ended", async () => {
  const { keyId, branches } = system.keys[AES];
  const made = await run(
    "Encrypt",
    { KeyId: keyId, Plaintext: base64("x") },
    {
      "user-agent": "test/1 \u00e9",
      "x-tc-requestclient": "SDK_TEST",
      "x-test-address": "192.0.2.7",
    },
  );
  const refused = await run("Decrypt", { CiphertextBlob: "AAAA" });
  await until(() => delivered().length === 2);
  const [first, second] = delivered();
  expect(first?.event).toMatchObject({
    requestId: made.response.RequestId,
    service: "kms",
    apiVersion: "2019-01-18",
    action: "Encrypt",
    region: AES,
    account: system.account.principal.account,
    uin: system.account.principal.uin,
    principalType: "root",
    secretId: system.account.secretId,
    sourceAddress: "192.0.2.7",
    requestClient: "SDK_TEST",
    signatureMethod: "TC3-HMAC-SHA256",
    errorCode: "",
    reason: "",
    keyIds: [keyId],
    uses: [{ use: "encrypt", keyId, version: 1, branch: branches[0]?.branch }],
    store: "software",
  });
  expect(first?.event.userAgent).toMatch(/^test\/1 \?+$/);
  expect(second?.event).toMatchObject({
    requestId: refused.response.RequestId,
    action: "Decrypt",
    errorCode: "InvalidParameterValue.InvalidCiphertext",
    reason: "not-an-envelope",
    uses: [],
    store: null,
  });
});

test("nobody without a valid signature leaves a record", async () => {
  const wrong = { ...system.account, secretKey: "wrong" };
  await call(system.edge.url, "GenerateRandom", { NumberOfBytes: 1 }, { account: wrong });
  await encrypt();
  await until(() => delivered().length > 0);
  expect(delivered().map(({ event }) => event.action)).toEqual(["Encrypt"]);
});

test("records are delivered once, in one chain, after the control plane was away", async () => {
  system.controlPlane.down.audit = true;
  const answers = await Promise.all(Array.from({ length: 60 }, () => encrypt()));
  expect(answers.every(({ code }) => code === "")).toBe(true);
  await sleep(100);
  expect(delivered()).toHaveLength(0);
  system.controlPlane.down.audit = false;
  await until(() => delivered().length === 60);
  const ids = new Set(delivered().map(({ event }) => event.requestId));
  expect(ids).toEqual(new Set(answers.map(({ response }) => response.RequestId)));
  expect(delivered().map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  expect(system.controlPlane.duplicates).toBe(0);
});

test("records that the control plane refuses show in the health of the edge", async () => {
  const blocked = async () => {
    const health = await fetch(`${system.edge.url}/healthz`);
    return ((await health.json()) as { blockedRecords: number }).blockedRecords;
  };
  system.controlPlane.down.audit = true;
  await Promise.all([encrypt(), encrypt()]);
  await until(() => system.controlPlane.asked.deliveries > 0);
  expect(await blocked()).toBe(0);
  system.controlPlane.auditRefusal = "audit-conflict";
  system.controlPlane.down.audit = false;
  await until(async () => (await blocked()) === 2);
  system.controlPlane.auditRefusal = null;
  await until(async () => (await blocked()) === 0);
  expect(delivered()).toHaveLength(2);
});

test("every answer that left before kill -9 is in the audit trail, and a new incarnation begins", async () => {
  system.controlPlane.down.audit = true;
  const answered: string[] = [];
  let isKilled = false;
  const load = Array.from({ length: 12 }, async () => {
    while (!isKilled) {
      const answer = await encrypt().catch(() => null);
      if (answer?.code === "") answered.push(answer.response.RequestId);
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = answered.length;
    await until(() => answered.length > before + 100);
    await system.edge.stop("SIGKILL");
    if (round < 2) await system.edge.start();
  }
  isKilled = true;
  await Promise.all(load);
  system.controlPlane.down.audit = false;
  await system.edge.start();
  await until(() => {
    const ids = new Set(delivered().map(({ event }) => event.requestId));
    return answered.every((id) => ids.has(id));
  });
  expect(answered.length).toBeGreaterThan(300);
  expect(system.controlPlane.records.size).toBeGreaterThanOrEqual(3);
  expect(system.controlPlane.duplicates).toBe(0);
});

test("an earlier incarnation is settled when all it recorded is delivered, and not before", async () => {
  const { controlPlane, edge } = system;
  controlPlane.down.audit = true;
  await Promise.all([encrypt(), encrypt(), encrypt()]);
  await edge.stop("SIGKILL");
  await edge.start();
  await until(() => controlPlane.isConnected);
  // Its own records wait behind the earlier ones, and it does not settle itself.
  await encrypt();
  await sleep(1_500);
  expect(controlPlane.settled.size).toBe(0);
  controlPlane.down.audit = false;
  await until(() => controlPlane.settled.size === 1, 10_000);
  expect([...controlPlane.settled.values()]).toEqual([3]);
  expect(controlPlane.records.size).toBe(2);
});

test("clients that hang up take nobody else's answer with them", async () => {
  const { keyId } = system.keys[AES];
  const body = new TextEncoder().encode(JSON.stringify({ KeyId: keyId, Plaintext: base64("x") }));
  const headers = signedHeaders(system.edge.url, "Encrypt", body, { account: system.account });
  const post = (signal: AbortSignal | null) =>
    fetch(system.edge.url, { method: "POST", headers, body, signal });
  const end = Date.now() + 1_500;
  const statuses = new Set<number>();
  const patient = Array.from({ length: 16 }, async () => {
    while (Date.now() < end) statuses.add((await post(null)).status);
  });
  const impatient = Array.from({ length: 16 }, async () => {
    while (Date.now() < end) {
      await post(AbortSignal.timeout(1 + Math.floor(Math.random() * 6))).catch(() => undefined);
    }
  });
  await Promise.all([...patient, ...impatient]);
  expect([...statuses]).toEqual([200]);
  expect((await encrypt()).code).toBe("");
  expect(system.edge.log).not.toMatch(/different request|had hung|Uncaught/);
});

test("an old ciphertext decrypts after a restart, under a new lease", async () => {
  const { response } = await encrypt("kept");
  await system.edge.stop();
  await system.edge.start();
  const back = await run("Decrypt", { CiphertextBlob: response.CiphertextBlob });
  expect(back.response.Plaintext).toBe(base64("kept"));
  expect(system.controlPlane.asked.leases).toBe(2);
});

test("storage holds records and nothing else: no key, no secret, no plaintext", async () => {
  system.controlPlane.down.audit = true;
  const plaintext = "a plaintext that must not be found anywhere";
  const { response } = await encrypt(plaintext);
  await run("Decrypt", { CiphertextBlob: response.CiphertextBlob });
  await system.edge.stop();
  const bytes = Buffer.concat(filesUnder(system.edge.directory).map((file) => readFileSync(file)));
  const text = bytes.toString("latin1");
  expect(text).toContain(response.RequestId);
  const branch = Buffer.from(system.keys[AES].branches[0]?.bytes as Uint8Array);
  const secrets = [
    branch.toString("latin1"),
    branch.toString("base64"),
    branch.toString("hex"),
    system.account.secretKey,
    plaintext,
    base64(plaintext),
    String(response.CiphertextBlob),
    system.controlPlane.edge.privateKeyB64,
  ];
  for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  for (const secret of secrets) expect(system.edge.log.includes(secret)).toBe(false);
});

function filesUnder(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}
