/** What a lease is good for, and when it is good for nothing. */

import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseGrant } from "@edge-kms/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiAnswer, base64, call } from "./support/client.ts";
import type { Cmk } from "./support/control-plane.ts";
import { until } from "./support/edge.ts";
import { ACCOUNT, AES, type System, startSystem } from "./support/system.ts";

let system: System;
beforeEach(async () => {
  system = await startSystem();
});
afterEach(() => system.dispose());

const encrypt = (key: Cmk = system.keys[AES]): Promise<ApiAnswer> =>
  call(
    system.edge.url,
    "Encrypt",
    { KeyId: key.keyId, Plaintext: base64("x"), TestOnly: crypto.randomUUID() },
    { account: system.account },
  );

test("a cold key costs one question, whatever the number of callers", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => encrypt()));
  expect(answers.every(({ code }) => code === "")).toBe(true);
  expect(system.controlPlane.asked.leases).toBe(1);
  for (const { response } of answers) {
    const back = await call(
      system.edge.url,
      "Decrypt",
      { CiphertextBlob: response.CiphertextBlob },
      { account: system.account },
    );
    expect(back.response.Plaintext).toBe(base64("x"));
  }
  expect(system.controlPlane.asked.leases).toBe(1);
});

test("an expired lease is never used", async () => {
  system.controlPlane.limits.expiresAfterMs = 400;
  expect((await encrypt()).code).toBe("");
  system.controlPlane.down.leases = true;
  const end = Date.now() + 1_000;
  let served = 0;
  while (Date.now() < end) {
    const sent = Date.now();
    const { code } = await encrypt();
    if (code === "") {
      served += 1;
      expect(sent).toBeLessThan(end - 600 + 50);
    } else expect(code).toBe("InternalError");
  }
  expect(served).toBeGreaterThan(0);
  expect((await encrypt()).code).toBe("InternalError");
  system.controlPlane.down.leases = false;
  expect((await encrypt()).code).toBe("");
});

test("an expired credential lease is never used", async () => {
  system.controlPlane.callerLimits.expiresAfterMs = 300;
  expect((await encrypt()).code).toBe("");
  system.controlPlane.down.credentials = true;
  await sleep(350);
  expect((await encrypt()).code).toBe("InternalError");
  system.controlPlane.down.credentials = false;
  expect((await encrypt()).code).toBe("");
});

test("without the control plane a warm key serves until its lease ends", async () => {
  expect((await encrypt()).code).toBe("");
  system.controlPlane.down.leases = true;
  system.controlPlane.down.credentials = true;
  system.controlPlane.down.audit = true;
  for (let n = 0; n < 20; n++) expect((await encrypt()).code).toBe("");
});

test("a lease is refreshed in the background before it ends", async () => {
  Object.assign(system.controlPlane.limits, { refreshAfterMs: 100, expiresAfterMs: 60_000 });
  expect((await encrypt()).code).toBe("");
  await sleep(120);
  expect((await encrypt()).code).toBe("");
  await until(() => system.controlPlane.asked.leases >= 2);
  expect((await encrypt()).code).toBe("");
});

test("a raised epoch voids leases: the state of the key counts at once", async () => {
  expect((await encrypt()).code).toBe("");
  await until(() => system.controlPlane.isConnected);
  system.keys[AES].refusal = "ResourceUnavailable.CmkDisabled";
  system.controlPlane.raiseEpoch(ACCOUNT);
  const raisedAtMs = Date.now();
  await until(async () => (await encrypt()).code !== "");
  expect(Date.now() - raisedAtMs).toBeLessThan(1_000);
  for (let n = 0; n < 10; n++) {
    expect((await encrypt()).code).toBe("ResourceUnavailable.CmkDisabled");
  }
  system.keys[AES].refusal = null;
  system.controlPlane.raiseEpoch(ACCOUNT);
  expect((await encrypt()).code).toBe("");
});

test("calls that meet a raised epoch are repeated under new leases, not refused", async () => {
  let refused = 0;
  const load = Array.from({ length: 8 }, async () => {
    for (let n = 0; n < 120; n++) {
      const answer = await encrypt();
      if (answer.code !== "") refused += 1;
    }
  });
  for (let n = 0; n < 3; n++) {
    await sleep(200);
    system.controlPlane.raiseEpoch(ACCOUNT);
  }
  await Promise.all(load);
  expect(refused).toBe(0);
});

test("a lease has no more operations than were granted", async () => {
  system.controlPlane.limits.maxOperations = 5;
  for (let n = 0; n < 23; n++) expect((await encrypt()).code).toBe("");
  expect(system.controlPlane.asked.leases).toBe(5);
});

test("too many undelivered records are RequestLimitExceeded, until they are delivered", async () => {
  system.controlPlane.limits.maxUnacknowledged = 10;
  system.controlPlane.down.audit = true;
  const codes: string[] = [];
  for (let n = 0; n < 15; n++) codes.push((await encrypt()).code);
  expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => ""));
  expect(codes.slice(10)).toEqual(Array.from({ length: 5 }, () => "RequestLimitExceeded"));
  system.controlPlane.down.audit = false;
  await until(() => system.controlPlane.allRecords().length === 10);
  await until(async () => (await encrypt()).code === "");
});

test("a grant that is not exactly what was asked for is refused", async () => {
  const zeros = "0".repeat(32);
  const changes: ((grant: LeaseGrant) => object)[] = [
    (grant) => ({ ...grant, requestHash: "0".repeat(64) }),
    (grant) => ({ ...grant, index: 1 }),
    (grant) => ({ ...grant, edge: "another" }),
    (grant) => ({ ...grant, instance: zeros }),
    (grant) => ({ ...grant, group: "another" }),
    (grant) => ({ ...grant, account: "100000000002" }),
    (grant) => ({ ...grant, region: "ap-guangzhou" }),
    (grant) => ({ ...grant, keyId: "00000000-0000-4000-8000-000000000000" }),
    // The associated data of the seal.
    (grant) => ({ ...grant, leaseId: zeros }),
    // A suite whose keys have another length.
    (grant) => ({ ...grant, suite: 2 }),
    (grant) => ({ ...grant, expiresAtMs: grant.notBeforeMs }),
    (grant) => ({ ...grant, unknown: true }),
  ];
  for (const change of changes) {
    system.controlPlane.tamper = change;
    expect((await encrypt()).code).toBe("InternalError");
  }
  system.controlPlane.tamper = (grant) => grant;
  expect((await encrypt()).code).toBe("");
});

test("a control plane that falls silent is connected to again", async () => {
  await until(() => system.controlPlane.asked.connects === 1);
  system.controlPlane.isBeating = false;
  await until(() => system.controlPlane.asked.connects >= 2, 9_000);
});

test("codes of the control plane reach the caller, unknown ones do not", async () => {
  for (const code of [
    "ResourceUnavailable.CmkDisabled",
    "ResourceUnavailable.CmkArchived",
    "ResourceUnavailable.KeyPendingDelete",
    "ResourceUnavailable.CmkStateNotSupport",
  ]) {
    const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
    key.refusal = code;
    expect((await encrypt(key)).code).toBe(code);
  }
  const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
  key.refusal = "not-found";
  expect((await encrypt(key)).code).toBe("InternalError");
});
