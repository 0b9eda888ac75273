/**
 * Promise P2 on the whole system: what is taken away ends at connected edges within 5 s, in real workerd, and at an edge that is
 * cut off when its lease is over. Leases last 180 s here unless a test says otherwise, so nothing ends by itself meanwhile.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAccessKey } from "./support/access-key.ts";
import { base64, createClient, type Kms, newAlias } from "./support/client.ts";
import { withDatabase } from "./support/database.ts";
import { edgeKms, edgeKmsJson } from "./support/edge-kms.ts";
import { type ExtraEdge, startExtraEdge } from "./support/extra-edge.ts";
import { bridgeClient } from "./support/spy-edge.ts";
import { discard, type System, startSystem } from "./support/system.ts";
import { tapTcp } from "./support/taps.ts";

/** P2. */
const withinMs = 5_000;
const account = "100000000001";

let system: System;
let second: ExtraEdge;
let operator: ReturnType<typeof bridgeClient>;
beforeAll(async () => {
  system = await startSystem();
  second = await startExtraEdge(system, "second");
  operator = bridgeClient(system, "operator");
}, 60_000);
afterAll(async () => {
  operator?.close();
  await second?.discard();
  await discard(system);
}, 60_000);

const here = () => createClient(system);
const there = () => createClient(system, { endpoint: second.url });
const newKey = async () => (await here().CreateKey({ Alias: newAlias() })).KeyId ?? "";

/** `ok`, or the code of the refusal. */
const encrypt = (kms: Kms, KeyId: string): Promise<string> =>
  kms.Encrypt({ KeyId, Plaintext: base64(crypto.randomUUID()) }).then(
    () => "ok",
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

/** Calls until the outcome is this one, and gives the time that took. From then on it stays so. */
async function turns(kms: Kms, KeyId: string, outcome: string): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const got = await encrypt(kms, KeyId);
    const tookMs = performance.now() - startedMs;
    if (got === outcome) {
      for (let n = 0; n < 5; n++) expect(await encrypt(kms, KeyId)).toBe(outcome);
      return tookMs;
    }
    if (tookMs > 2 * withinMs) throw new Error(`still ${got} after ${Math.round(tookMs)} ms`);
    await sleep(20);
  }
}

describe("takes effect at connected edges within 5 s, and ends when it is taken back", () => {
  it("DisableKey", async () => {
    const KeyId = await newKey();
    for (const kms of [here(), there()]) expect(await encrypt(kms, KeyId)).toBe("ok");
    await here().DisableKey({ KeyId });
    const code = "ResourceUnavailable.CmkDisabled";
    const took = await Promise.all([turns(here(), KeyId, code), turns(there(), KeyId, code)]);
    expect(Math.max(...took)).toBeLessThan(withinMs);
    await here().EnableKey({ KeyId });
    expect(await turns(there(), KeyId, "ok")).toBeLessThan(withinMs);
  }, 30_000);

  it.each(["lease", "proxy"])(
    "RevokeKeyAtEdge, at that edge only, of a key in mode %s",
    async (mode) => {
      const KeyId = await newKey();
      await edgeKmsJson(system, ["key", "edge-settings", KeyId, "--mode", mode]);
      const { CiphertextBlob = "" } = await there().Encrypt({ KeyId, Plaintext: base64("x") });
      await edgeKmsJson(system, ["key", "revoke-at", KeyId, second.name]);
      expect(await turns(there(), KeyId, "UnauthorizedOperation")).toBeLessThan(withinMs);
      await expect(there().Decrypt({ CiphertextBlob })).rejects.toMatchObject({
        code: "UnauthorizedOperation",
      });
      expect(await encrypt(here(), KeyId)).toBe("ok");
      expect((await here().Decrypt({ CiphertextBlob })).Plaintext).toBe(base64("x"));
      await edgeKmsJson(system, ["key", "restore-at", KeyId, second.name]);
      expect(await turns(there(), KeyId, "ok")).toBeLessThan(withinMs);
    },
    30_000,
  );

  it("RevokeEdge, for every key and for calls that it forwards", async () => {
    const KeyId = await newKey();
    expect(await encrypt(there(), KeyId)).toBe("ok");
    await edgeKmsJson(system, ["edge", "revoke", second.name]);
    expect(await turns(there(), KeyId, "UnauthorizedOperation")).toBeLessThan(withinMs);
    for (const call of [there().ListKeys({}), there().GenerateRandom({ NumberOfBytes: 8 })]) {
      await expect(call).rejects.toMatchObject({ code: "UnauthorizedOperation" });
    }
    expect(await encrypt(here(), KeyId)).toBe("ok");
    await edgeKmsJson(system, ["edge", "restore", second.name]);
    expect(await turns(there(), KeyId, "ok")).toBeLessThan(withinMs);
  }, 30_000);

  it("RevokeAccessKey", async () => {
    const KeyId = await newKey();
    const key = await newAccessKey(system, "root");
    const theirs = createClient(system, { endpoint: second.url, ...key });
    expect(await encrypt(theirs, KeyId)).toBe("ok");
    await edgeKmsJson(system, ["access-key", "revoke", key.secretId]);
    const code = "AuthFailure.SecretIdNotFound";
    expect(await turns(theirs, KeyId, code)).toBeLessThan(withinMs);
    expect(await encrypt(there(), KeyId)).toBe("ok");
    await edgeKmsJson(system, ["access-key", "restore", key.secretId]);
    expect(await turns(theirs, KeyId, "ok")).toBeLessThan(withinMs);
  }, 30_000);

  it("an operator's freeze of a key, of the edge and of the account, at the bridge", async () => {
    const KeyId = await newKey();
    for (const [kind, id] of [
      ["key", KeyId],
      ["edge", second.name],
      ["account", account],
    ] as const) {
      expect(await turns(there(), KeyId, "ok")).toBeLessThan(2 * withinMs);
      await operator.call("freeze", { kind, id, reason: "test" });
      const startedMs = performance.now();
      for (;;) {
        const got = await encrypt(there(), KeyId);
        if (got !== "ok") break;
        expect(performance.now() - startedMs).toBeLessThan(withinMs);
        await sleep(20);
      }
      for (let n = 0; n < 5; n++) expect(await encrypt(there(), KeyId)).not.toBe("ok");
      await operator.call("unfreeze", { kind, id });
    }
    expect(await turns(there(), KeyId, "ok")).toBeLessThan(2 * withinMs);
  }, 60_000);
});

describe("an edge that is cut off", () => {
  it("answers no longer than its lease lasts, whatever it does not hear", async () => {
    const tap = await tapTcp(system.port + 1);
    const cut = await startExtraEdge(system, "cut-off", { controlPlanePort: tap.port });
    try {
      const KeyId = await newKey();
      const leaseSeconds = 4;
      const expiry = ["--expiry", String(leaseSeconds)];
      await edgeKmsJson(system, ["key", "edge-settings", KeyId, ...expiry]);
      const kms = createClient(system, { endpoint: cut.url });
      expect(await encrypt(kms, KeyId)).toBe("ok");
      tap.close();
      const cutAtMs = performance.now();
      await here().DisableKey({ KeyId });
      // It has not heard of it, and holds its lease: that is what "no later than the lease's expiry" means.
      expect(await encrypt(kms, KeyId)).toBe("ok");
      let lastAnswerMs = 0;
      while (performance.now() - cutAtMs < leaseSeconds * 1000 + 1_500) {
        const sentAtMs = performance.now();
        if ((await encrypt(kms, KeyId)) === "ok") lastAnswerMs = sentAtMs - cutAtMs;
        await sleep(50);
      }
      expect(lastAnswerMs).toBeGreaterThan(0);
      expect(lastAnswerMs).toBeLessThan(leaseSeconds * 1000);
      expect(await encrypt(kms, KeyId)).toBe("InternalError");
      // Who asks is told that this one may still hold the key, as long as it may.
      const { Edges } = await edgeKmsJson(system, ["edge", "list", cut.name]);
      expect(Edges[0].Connected).toBe(false);
    } finally {
      tap.close();
      await cut.discard();
    }
  }, 60_000);
});

describe("what a lost edge may owe", () => {
  /** Calls at that edge that were answered, and how many of them are in the database. */
  const storedOf = (edge: string): Promise<number> =>
    withDatabase(system, async (query) => {
      const { rows } = (await query(
        "select count(*)::int as n from edge_audit_records where edge = $1",
        [edge],
      )) as { rows: { n: number }[] };
      return rows[0]?.n ?? 0;
    });
  const owedBy = async (edge: string): Promise<number> =>
    (await edgeKmsJson(system, ["edge", "list", edge])).Edges[0].UnaccountedAtMost;
  const isGone = async (edge: string): Promise<void> => {
    const connected = async () =>
      (await edgeKmsJson(system, ["edge", "list", edge])).Edges[0].Connected;
    await expect.poll(connected, { timeout: 10_000, interval: 200 }).toBe(false);
  };

  it("is bounded from the moment it is gone, and stays so when its storage is lost", async () => {
    const tap = await tapTcp(system.port + 1);
    const lost = await startExtraEdge(system, "lost", { controlPlanePort: tap.port });
    try {
      const KeyId = await newKey();
      const kms = createClient(system, { endpoint: lost.url });
      expect(await encrypt(kms, KeyId)).toBe("ok");
      await expect.poll(() => owedBy(lost.name), { timeout: 5_000, interval: 200 }).toBe(0);
      tap.close();
      let answered = 1;
      for (let n = 0; n < 50; n++) if ((await encrypt(kms, KeyId)) === "ok") answered += 1;
      await lost.stop("SIGKILL");
      lost.loseStorage();
      await isGone(lost.name);
      const missing = answered - (await storedOf(lost.name));
      expect(missing).toBeGreaterThanOrEqual(50);
      expect(await owedBy(lost.name)).toBeGreaterThanOrEqual(missing);
      const { out } = await edgeKms(system, ["edge", "list"]);
      expect(out).toMatch(/^lost +default +ok +no .* at most 50000$/m);
      // The account looks into it and writes it off, but not as long as the leases may last.
      const [instance] = (await edgeKmsJson(system, ["edge", "list", lost.name])).Edges[0]
        .Instances;
      const accept = ["edge", "accept-unaccounted", lost.name, instance.InstanceId];
      expect(await edgeKms(system, accept)).toMatchObject({ code: 1 });
      await withDatabase(system, (query) =>
        query("update edge_instance_budgets set leases_end_at_ms = 1 where edge = $1", [lost.name]),
      );
      expect(await edgeKms(system, accept)).toMatchObject({ code: 0 });
      expect(await owedBy(lost.name)).toBe(0);
    } finally {
      tap.close();
      await lost.discard();
    }
  }, 60_000);

  it("falls to 0 when it comes back with its storage and delivers", async () => {
    const late = await startExtraEdge(system, "late");
    try {
      const KeyId = await newKey();
      const kms = createClient(system, { endpoint: late.url });
      let answered = 0;
      for (let n = 0; n < 20; n++) if ((await encrypt(kms, KeyId)) === "ok") answered += 1;
      await late.stop("SIGKILL");
      await isGone(late.name);
      expect(await owedBy(late.name)).toBe(50_000);
      await late.start();
      await expect.poll(() => owedBy(late.name), { timeout: 20_000, interval: 200 }).toBe(0);
      expect(await storedOf(late.name)).toBe(answered);
    } finally {
      await late.discard();
    }
  }, 60_000);
});
