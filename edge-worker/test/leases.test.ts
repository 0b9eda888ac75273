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

test("a refusal is remembered for a moment, whoever keeps asking", async () => {
  const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
  key.refusal = "ResourceUnavailable.CmkDisabled";
  const startedMs = Date.now();
  for (let n = 0; n < 30; n++) expect((await encrypt(key)).code).toBe(key.refusal);
  const seconds = Math.ceil((Date.now() - startedMs) / 1_000);
  expect(system.controlPlane.asked.leases).toBeLessThanOrEqual(seconds + 1);
  await until(async () => system.controlPlane.allRecords().length === 30);
});

test("a right that was given through this edge counts at once, though no epoch was heard of", async () => {
  for (const action of ["EnableKey", "CancelKeyDeletion", "CreateKey"]) {
    const key = system.controlPlane.addKey(ACCOUNT, AES, 1);
    key.refusal = "ResourceUnavailable.CmkDisabled";
    expect((await encrypt(key)).code).toBe(key.refusal);
    key.refusal = null;
    const params = { KeyId: key.keyId };
    const given = await call(system.edge.url, action, params, { account: system.account });
    expect(given.code, action).toBe("");
    expect((await encrypt(key)).code, action).toBe("");
  }
});

test("a call that joins a question asked before it came is not refused by its answer", async () => {
  const key = system.keys[AES];
  let open = (): void => {};
  system.controlPlane.gate = new Promise((resolve) => {
    open = resolve;
  });
  key.refusal = "ResourceUnavailable.CmkDisabled";
  const early = encrypt(key);
  await until(() => system.controlPlane.underWay.now === 1);
  key.refusal = null;
  await call(system.edge.url, "EnableKey", { KeyId: key.keyId }, { account: system.account });
  const late = encrypt(key);
  await until(() => system.controlPlane.underWay.now === 1);
  open();
  expect((await early).code).toBe("ResourceUnavailable.CmkDisabled");
  expect((await late).code).toBe("");
});

test("an unknown SecretId is asked for once a moment", async () => {
  const stranger = { ...system.account, secretId: `AKID${"0".repeat(32)}` };
  const codes = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      const options = { account: stranger, timestampSeconds: Math.floor(Date.now() / 1000) - n };
      return (await call(system.edge.url, "GenerateRandom", { NumberOfBytes: 1 }, options)).code;
    }),
  );
  expect(new Set(codes)).toEqual(new Set(["AuthFailure.SecretIdNotFound"]));
  const { credentials } = system.controlPlane.asked;
  const again = await call(
    system.edge.url,
    "GenerateRandom",
    { NumberOfBytes: 1 },
    { account: stranger },
  );
  expect(again.code).toBe("AuthFailure.SecretIdNotFound");
  expect(system.controlPlane.asked.credentials).toBe(credentials);
});

test("a flood of ciphertexts with random branches passes the gate 20 at a time, and harms nobody for long", async () => {
  const key = system.keys[AES];
  const { response } = await encrypt(key);
  const blob = Buffer.from(response.CiphertextBlob as string, "base64");
  let open = (): void => {};
  system.controlPlane.gate = new Promise((resolve) => {
    open = resolve;
  });
  const flood = Array.from({ length: 200 }, () => {
    const changed = Buffer.from(blob);
    // Bytes 23 to 30 are the branch id (protocol/src/envelope.ts).
    crypto.getRandomValues(changed.subarray(23, 31));
    return call(
      system.edge.url,
      "Decrypt",
      { CiphertextBlob: changed.toString("base64") },
      { account: system.account },
    );
  });
  await until(() => system.controlPlane.underWay.now === 20);
  // Who has a lease does not notice.
  expect((await encrypt(key)).code).toBe("");
  open();
  for (const { code } of await Promise.all(flood)) {
    expect(code).toBe("InvalidParameterValue.InvalidCiphertext");
  }
  expect(system.controlPlane.underWay.most).toBe(20);
});
