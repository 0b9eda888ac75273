/** Branch keys turned over by what was permitted with them; one suite over every store. */

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { encodeOperands, type LeasedKey } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database, openDatabase } from "./registry/database.ts";
import { appendLog } from "./registry/log.ts";
import { migrations } from "./registry/schema.ts";
import { ACCOUNT, encryptWith, LIMITS, REGION, TestBridge } from "./testing/bridge.ts";
import { readLeaseGrant, readOperationResult, readSealingKey, TestEdge } from "./testing/edge.ts";
import { storeBackends } from "./testing/stores.ts";

const TURNOVER = 10;

describe.each(storeBackends)("turnover over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;
  let other: TestEdge;

  beforeAll(async () => {
    bridge = await TestBridge.start(backend, { branchTurnover: TURNOVER });
    edge = await TestEdge.make("edge-1");
    other = await TestEdge.make("edge-2");
    await bridge.enroll(edge);
    await bridge.enroll(other);
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  const newKey = async (suite: 1 | 2 = 1): Promise<string> => {
    const keyId = randomUUID();
    await bridge.createKey(keyId, suite);
    return keyId;
  };
  const lease = async (asked: LeasedKey, maxOperations: number, by = edge) => {
    const request = by.leaseRequest([asked]);
    const [result] = await bridge.lease(request, { limits: { ...LIMITS, maxOperations } });
    if (result === undefined || !("grant" in result)) throw new Error(JSON.stringify(result));
    const grant = readLeaseGrant(result.grant, bridge.publicKey);
    const { requestHash } = request;
    const key = await by.open(grant.sealed, "edge-kms/lease-grant/1", requestHash, grant.leaseId);
    return { grant, key };
  };
  const branchOf = async (keyId: string, maxOperations: number, by = edge) =>
    (await lease(encryptWith(keyId), maxOperations, by)).grant.branch;
  const decryptWith = (grant: { keyId: string; branch: string; suite: 1 | 2 }): LeasedKey => ({
    purpose: "decrypt",
    account: ACCOUNT,
    region: REGION,
    keyId: grant.keyId,
    version: 1,
    branch: grant.branch,
    suite: grant.suite,
  });

  it.each([1, 2] as const)(
    "gives the next lease of a suite %i key another branch key when the sum is reached, and opens the old one",
    async (suite) => {
      const keyId = await newKey(suite);
      const first = await lease(encryptWith(keyId), 4);
      expect(await branchOf(keyId, 5, other)).toBe(first.grant.branch);
      expect(await branchOf(keyId, 1)).toBe(first.grant.branch);
      const second = await lease(encryptWith(keyId), TURNOVER);
      expect(second.grant.branch).not.toBe(first.grant.branch);
      expect(second.key).not.toEqual(first.key);
      const third = await branchOf(keyId, 1, other);
      expect([first.grant.branch, second.grant.branch]).not.toContain(third);
      expect((await lease(decryptWith(first.grant), 4)).key).toEqual(first.key);
      expect((await lease(decryptWith(second.grant), 4, other)).key).toEqual(second.key);
    },
  );

  it("counts no lease that only decrypts, and none that is refused", async () => {
    const keyId = await newKey();
    const { grant } = await lease(encryptWith(keyId), TURNOVER - 1);
    await lease(decryptWith(grant), 1_000_000);
    const old = edge.leaseRequest([encryptWith(keyId)], { timeMs: Date.now() - 3_600_000 });
    await expect(bridge.lease(old)).rejects.toMatchObject({ code: "edge-refused" });
    await bridge.operator.call("freeze", { kind: "key", id: keyId, reason: "a test" });
    const [refused] = await bridge.lease(edge.leaseRequest([encryptWith(keyId)]));
    expect(refused).toMatchObject({ error: { code: "frozen" } });
    await bridge.operator.call("unfreeze", { kind: "key", id: keyId });
    expect(await branchOf(keyId, 1)).toBe(grant.branch);
    expect(await branchOf(keyId, 1)).not.toBe(grant.branch);
  });

  it("counts what its own caps leave of what the control plane permits", async () => {
    const keyId = await newKey();
    const { grant } = await lease(encryptWith(keyId), 10 ** 12);
    const { entries } = await bridge.operator.call("readLog", { afterSeq: 0, limit: 1000 });
    const row = entries.find(({ details }) => details.leaseId === grant.leaseId);
    expect(row?.details.maxOperations).toBe(1_000_000);
    expect(grant.maxOperations).toBe(1_000_000);
  });

  it("keeps the count over a restart", async () => {
    const keyId = await newKey();
    const first = await branchOf(keyId, TURNOVER - 1);
    await bridge.restart();
    expect(await branchOf(keyId, 1)).toBe(first);
    await bridge.restart();
    expect(await branchOf(keyId, 1)).not.toBe(first);
  });

  it("makes one successor for many who ask at once", async () => {
    const keyId = await newKey();
    const first = await branchOf(keyId, TURNOVER);
    const branches = await Promise.all(Array.from({ length: 8 }, () => branchOf(keyId, 1)));
    expect(new Set(branches).size).toBe(1);
    expect(branches[0]).not.toBe(first);
  });

  it("counts each encryption that it performs itself as one, and no decryption", async () => {
    const keyId = await newKey();
    const operate = async (asked: LeasedKey, text: Uint8Array) => {
      const status = await bridge.controlPlane.call("status", {});
      const request = await edge.operationRequest(
        asked,
        encodeOperands({ context: new Uint8Array(2), text }),
        readSealingKey(status.sealingKey, bridge.publicKey),
      );
      const { result } = await bridge.controlPlane.call("operate", {
        request: request.message,
        epoch: bridge.epoch(),
        maxUnacknowledged: 10,
      });
      const terms = readOperationResult(result, bridge.publicKey);
      if (!("branch" in terms)) throw new Error("no branch");
      const type = "edge-kms/operation-result/1";
      const content = await edge.open(terms.sealed, type, request.requestHash, terms.leaseId);
      return { terms, content };
    };
    const first = await operate(encryptWith(keyId), Buffer.from("a"));
    for (let n = 2; n <= TURNOVER; n++) {
      const { terms } = await operate(encryptWith(keyId), Buffer.from("a"));
      expect(terms.branch).toBe(first.terms.branch);
      await operate(decryptWith(terms), first.content);
    }
    const next = await operate(encryptWith(keyId), Buffer.from("b"));
    expect(next.terms.branch).not.toBe(first.terms.branch);
    const again = await operate(decryptWith(first.terms), first.content);
    expect(again.content.toString()).toBe("a");
  });
});

it("an earlier registry's branch keys count as if each lease had been of the most operations", async () => {
  const directory = await mkdtemp(join(tmpdir(), "edge-kms-turnover-"));
  const path = join(directory, "registry.sqlite");
  const before = new DatabaseSync(path);
  // The schema before branch keys had turns.
  for (const migration of migrations.slice(0, 3)) before.exec(migration);
  before.exec(`PRAGMA user_version = 3;
    INSERT INTO objects VALUES ('object', 'key-version', 'ready', 1);
    INSERT INTO keys (key_id, account, region, suite, state, created_at_ms) VALUES ('k', '1', 'r', 1, 'active', 1);
    INSERT INTO key_versions VALUES ('k', 1, 'object', 1);
    INSERT INTO branches VALUES ('used', 'k', 1, 'g', 0, x'00', 1), ('unused', 'k', 1, 'h', 0, NULL, 1);`);
  const log = new Database(before);
  const leased = (branch: string, purpose: string) => ({ branch, purpose, keyId: "k" });
  await log.commit(() => {
    appendLog(log, 1, "branch-created", "bridge", { branch: "used" });
    appendLog(log, 1, "branch-leased", "control-plane", leased("used", "encrypt"));
    appendLog(log, 1, "branch-leased", "control-plane", leased("used", "encrypt"));
    appendLog(log, 1, "branch-leased", "control-plane", leased("used", "decrypt"));
    appendLog(log, 1, "operation-performed", "control-plane", leased("used", "encrypt"));
    appendLog(log, 1, "operation-performed", "control-plane", leased("used", "decrypt"));
  });
  log.close();
  const database = await openDatabase(path);
  try {
    expect(
      database.all(
        "SELECT branch, turn, permitted_encryptions AS n, period, hex(wrapped) AS wrapped FROM branches ORDER BY branch",
      ),
    ).toEqual([
      { branch: "unused", turn: 0, n: 0, period: 0, wrapped: "" },
      { branch: "used", turn: 0, n: 2_000_001, period: 0, wrapped: "00" },
    ]);
  } finally {
    database.close();
    await rm(directory, { recursive: true, force: true });
  }
});
