/** Keys that stay in the bridge, and ciphertexts of other groups: every operation is a sealed question of its own. */

import { decodeEnvelope } from "@edge-kms/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiAnswer, base64, call } from "./support/client.ts";
import type { Cmk } from "./support/control-plane.ts";
import { until } from "./support/edge.ts";
import { ACCOUNT, AES, SM4, type System, startSystem } from "./support/system.ts";

let system: System;
beforeEach(async () => {
  system = await startSystem();
});
afterEach(() => system.dispose());

const api = (action: string, params: object, region: string = AES): Promise<ApiAnswer> =>
  call(
    system.edge.url,
    action,
    { ...params, TestOnly: crypto.randomUUID() },
    { account: system.account, region },
  );
const encrypt = (key: Cmk, text = "x", more = {}) =>
  api("Encrypt", { KeyId: key.keyId, Plaintext: base64(text), ...more }, key.region);
const decrypt = (CiphertextBlob: unknown, more = {}, region: string = AES) =>
  api("Decrypt", { CiphertextBlob, ...more }, region);
const invalid = "InvalidParameterValue.InvalidCiphertext";

test.each([AES, SM4] as const)(
  "every action of %s works without a lease, and what it makes is ordinary",
  async (region) => {
    const key = system.keys[region];
    key.mode = "proxy";
    const context = { EncryptionContext: '{"a":"b"}' };
    const sealed = await encrypt(key, "secret", context);
    const { CiphertextBlob } = sealed.response;
    expect(decodeEnvelope(CiphertextBlob as string)).toMatchObject({
      keyId: key.keyId,
      branchId: key.branches[0]?.branch,
      suite: key.suite,
    });
    const opened = await decrypt(CiphertextBlob, context, region);
    expect(opened.response.Plaintext).toBe(base64("secret"));
    expect((await decrypt(CiphertextBlob, {}, region)).code).toBe(invalid);

    const dataKey = await api("GenerateDataKey", { KeyId: key.keyId, KeySpec: "AES_256" }, region);
    const again = await decrypt(dataKey.response.CiphertextBlob, {}, region);
    expect(again.response.Plaintext).toBe(dataKey.response.Plaintext);

    const source = { CiphertextBlob, SourceEncryptionContext: context.EncryptionContext };
    const same = await api(
      "ReEncrypt",
      { ...source, DestinationEncryptionContext: context.EncryptionContext },
      region,
    );
    expect(same.response).toMatchObject({ CiphertextBlob, ReEncrypted: false });
    const moved = await api("ReEncrypt", source, region);
    expect(moved.response).toMatchObject({ ReEncrypted: true });
    const back = await decrypt(moved.response.CiphertextBlob, {}, region);
    expect(back.response.Plaintext).toBe(base64("secret"));

    // Under a lease it opens as well.
    key.mode = "lease";
    system.controlPlane.raiseEpoch(ACCOUNT);
    await until(async () => {
      const { operations } = system.controlPlane.asked;
      expect((await decrypt(CiphertextBlob, context, region)).code).toBe("");
      return system.controlPlane.asked.operations === operations;
    });
    const before = system.controlPlane.asked.operations;
    const leased = await decrypt(CiphertextBlob, context, region);
    expect(leased.response.Plaintext).toBe(base64("secret"));
    expect(system.controlPlane.asked.operations).toBe(before);
  },
);

test("the control plane reads no plaintext, and records have every use", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  const marker = "no control plane reads this text";
  const { response } = await encrypt(key, marker);
  expect((await decrypt(response.CiphertextBlob)).response.Plaintext).toBe(base64(marker));
  const seen = system.controlPlane.seen.flatMap((body) => {
    const payload = JSON.parse(body || "{}").payload ?? "";
    return [body, Buffer.from(payload, "base64").toString()];
  });
  for (const text of seen) {
    expect(text).not.toContain(marker);
    expect(text).not.toContain(base64(marker).slice(0, 40));
  }
  await until(() => system.controlPlane.allRecords().length === 2);
  const use = { keyId: key.keyId, version: 1, branch: key.branches[0]?.branch };
  expect(system.controlPlane.allRecords().map(({ event }) => event)).toMatchObject([
    { action: "Encrypt", errorCode: "", uses: [{ use: "encrypt", ...use }], store: "software" },
    { action: "Decrypt", errorCode: "", uses: [{ use: "decrypt", ...use }], store: "software" },
  ]);
});

test("another group's ciphertext is decrypted by proxy, and becomes this group's by ReEncrypt", async () => {
  const key = system.keys[AES];
  const { response } = await encrypt(key, "made elsewhere");
  const [own] = key.branches;
  // The same branch, now another group's.
  key.branches[0] = { ...(own as (typeof key.branches)[0]), group: "elsewhere" };
  system.controlPlane.addBranch(key, 1);
  await system.edge.stop();
  await system.edge.start();
  const opened = await decrypt(response.CiphertextBlob);
  expect(opened.response.Plaintext).toBe(base64("made elsewhere"));
  expect(system.controlPlane.asked.operations).toBe(1);
  const moved = await api("ReEncrypt", { CiphertextBlob: response.CiphertextBlob });
  expect(moved.response).toMatchObject({ ReEncrypted: true });
  const { operations } = system.controlPlane.asked;
  const back = await decrypt(moved.response.CiphertextBlob);
  expect(back.response.Plaintext).toBe(base64("made elsewhere"));
  expect(system.controlPlane.asked.operations).toBe(operations);
});

test("where the key is, is asked once; each operation is asked for itself", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  await Promise.all(Array.from({ length: 30 }, () => encrypt(key)));
  expect(system.controlPlane.asked).toMatchObject({ leases: 1, operations: 30, sealingKeys: 1 });
  expect(system.controlPlane.underWay.most).toBeLessThanOrEqual(20);
  key.refusal = "UnauthorizedOperation";
  expect((await encrypt(key)).code).toBe("UnauthorizedOperation");
});

test("a bridge that started anew is asked once more, with its new key", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  expect((await encrypt(key)).code).toBe("");
  system.controlPlane.restartBridge();
  expect((await encrypt(key)).code).toBe("");
  expect(system.controlPlane.asked).toMatchObject({ operations: 3, sealingKeys: 2 });
});

test("without the control plane nothing is answered, and nothing after the end of its terms", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  system.controlPlane.down.operations = true;
  expect((await encrypt(key)).code).toBe("InternalError");
  system.controlPlane.down.operations = false;
  system.controlPlane.tamperResult = (result) => ({
    ...result,
    notBeforeMs: Date.now() - 40_000,
    expiresAtMs: Date.now() - 10_000,
  });
  expect((await encrypt(key)).code).toBe("InternalError");
  await until(() =>
    system.controlPlane.allRecords().some(({ event }) => event.reason === "lease-void"),
  );
  system.controlPlane.tamperResult = (result) => result;
  expect((await encrypt(key)).code).toBe("");
});

test("a result of an epoch that is over is not answered, but had anew", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  expect((await encrypt(key)).code).toBe("");
  let isFirst = true;
  system.controlPlane.tamperResult = (result) => {
    if (isFirst) system.controlPlane.raiseEpoch(ACCOUNT);
    isFirst = false;
    return result;
  };
  const { operations } = system.controlPlane.asked;
  expect((await encrypt(key)).code).toBe("");
  // The epoch may reach the edge before or after the result.
  expect(system.controlPlane.asked.operations - operations).toBeLessThanOrEqual(2);
});

test("a call outlives several changes of keys in its account, one after the other", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  expect((await encrypt(key)).code).toBe("");
  let changes = 3;
  system.controlPlane.tamperResult = (result) => {
    if (changes > 0) system.controlPlane.raiseEpoch(ACCOUNT);
    changes -= 1;
    return result;
  };
  expect((await encrypt(key)).code).toBe("");
});

test("a result that is not exactly what was asked for is refused", async () => {
  const key = system.keys[AES];
  key.mode = "proxy";
  const zeros = "0".repeat(32);
  const changes = [
    { requestHash: "0".repeat(64) },
    { edge: "another" },
    { instance: zeros },
    { account: "100000000002" },
    { region: "ap-guangzhou" },
    { keyId: "00000000-0000-4000-8000-000000000000" },
    { purpose: "decrypt" },
    { group: "another" },
    // The associated data of the seal.
    { leaseId: zeros },
    // Not what the envelope says.
    { branch: "0".repeat(16) },
    { version: 2 },
    { suite: 2 },
    { expiresAtMs: 0 },
    { unknown: true },
  ];
  for (const change of changes) {
    system.controlPlane.tamperResult = (result) => ({ ...result, ...change });
    expect((await encrypt(key)).code, JSON.stringify(change)).toBe("InternalError");
  }
  system.controlPlane.tamperResult = (result) => result;
  expect((await encrypt(key)).code).toBe("");
});
