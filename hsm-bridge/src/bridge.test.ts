/** The bridge's API over mTLS, one suite over every store. */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { LeasedKey, SignedMessage } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_EPOCH_STEP } from "./epoch-rule.ts";
import { ACCOUNT, encryptWith, LIMITS, REGION, TestBridge } from "./testing/bridge.ts";
import { readLeaseGrant, type SignedRequest, TestEdge } from "./testing/edge.ts";
import { keyBackends } from "./testing/stores.ts";

const DAY_MS = 86_400_000;
const code = (value: string) => expect.objectContaining({ code: value });

describe.each(keyBackends)("bridge over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  const name = (keyId: string) => ({ account: ACCOUNT, region: REGION, keyId });
  const newKey = async (suite: 1 | 2 = 1): Promise<string> => {
    const keyId = randomUUID();
    await bridge.createKey(keyId, suite);
    return keyId;
  };
  /** Leases and opens one branch key. */
  const openLease = async (asked: LeasedKey, by = edge) => {
    const request = by.leaseRequest([asked]);
    const [result] = await bridge.lease(request);
    if (result === undefined || !("grant" in result)) throw new Error(JSON.stringify(result));
    const grant = readLeaseGrant(result.grant, bridge.publicKey);
    const key = await by.open(
      grant.sealed,
      "edge-kms/lease-grant/1",
      request.requestHash,
      grant.leaseId,
    );
    return { grant, key, request };
  };
  const decryptWith = (grant: {
    keyId: string;
    version: number;
    branch: string;
    suite: 1 | 2;
  }): LeasedKey => ({
    purpose: "decrypt",
    account: ACCOUNT,
    region: REGION,
    keyId: grant.keyId,
    version: grant.version,
    branch: grant.branch,
    suite: grant.suite,
  });

  describe("keys", () => {
    it("tells its identity and store, and that the store works", async () => {
      const status = await bridge.controlPlane.call("status", {});
      expect(status.store).toBe(backend.kind);
      expect(Buffer.from(status.publicKey, "base64")).toHaveLength(32);
      expect((await bridge.controlPlane.call("health", {})).store).toBe(backend.kind);
      expect(status.tokens.map(({ state }) => state)).toEqual(
        { software: [], pkcs11: ["closed"] }[backend.name] ?? ["closed", "closed"],
      );
    });

    it("counts the calls of its store, and tells operators only", async () => {
      const read = () => bridge.operator.call("storeCalls", {});
      const before = await read();
      expect(before.total).toBeGreaterThan(0);
      await bridge.controlPlane.call("status", {});
      expect(await read()).toEqual(before);
      await bridge.operator.call("random", { bytes: 8 });
      const after = await read();
      expect(after.total - before.total).toBe(1);
      expect(after.calls.random).toBe((before.calls.random ?? 0) + 1);
      await expect(bridge.controlPlane.call("storeCalls", {})).rejects.toEqual(
        code("not-permitted"),
      );
    });

    it("asks its store once per lease of a branch key that is there", async () => {
      const keyId = await newKey();
      await openLease(encryptWith(keyId));
      const { total } = await bridge.operator.call("storeCalls", {});
      await openLease(encryptWith(keyId));
      expect((await bridge.operator.call("storeCalls", {})).total).toBe(total + 1);
    });

    it("makes a key once, however often it is asked, also at once", async () => {
      const keyId = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: 5 }, () =>
          bridge.controlPlane.call("createKey", { ...name(keyId), suite: 1 }),
        ),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]).toMatchObject({ version: 1, store: backend.kind });
      for (const changes of [{ account: "2" }, { region: "ap-guangzhou" }, { suite: 2 as const }]) {
        await expect(
          bridge.controlPlane.call("createKey", { ...name(keyId), suite: 1, ...changes }),
        ).rejects.toEqual(code("conflict"));
      }
    });

    it("gives up a key without branch keys, for good, and a key still to come", async () => {
      const keyId = await newKey();
      await bridge.controlPlane.call("abandonKey", name(keyId));
      await bridge.controlPlane.call("abandonKey", name(keyId));
      await expect(bridge.createKey(keyId)).rejects.toEqual(code("destroyed"));
      const later = randomUUID();
      await bridge.controlPlane.call("abandonKey", name(later));
      await expect(bridge.createKey(later)).rejects.toEqual(code("destroyed"));
    });

    it("does not give up a key that has a branch key", async () => {
      const keyId = await newKey();
      await openLease(encryptWith(keyId));
      await expect(bridge.controlPlane.call("abandonKey", name(keyId))).rejects.toEqual(
        code("conflict"),
      );
      await openLease(encryptWith(keyId));
    });

    it("destroys a key only after its own seven days, whoever asks", async () => {
      const keyId = await newKey();
      const { grant } = await openLease(encryptWith(keyId));
      const destroy = () => bridge.operator.call("destroyKey", name(keyId));
      await expect(destroy()).rejects.toEqual(code("conflict"));
      const before = Date.now();
      const { notBeforeMs } = await bridge.controlPlane.call("scheduleDestruction", {
        ...name(keyId),
        notBeforeMs: 0,
      });
      expect(notBeforeMs).toBeGreaterThanOrEqual(before + 7 * DAY_MS);
      await expect(destroy()).rejects.toEqual(code("too-early"));
      // A date that the control plane keeps to itself shows at once: nothing of the key is leased any more.
      for (const asked of [encryptWith(keyId), decryptWith(grant)]) {
        expect(await bridge.leaseOutcome(edge.leaseRequest([asked]))).toBe("conflict");
      }
      // A later date moves it, an earlier one does not.
      const moved = await bridge.controlPlane.call("scheduleDestruction", {
        ...name(keyId),
        notBeforeMs: notBeforeMs + DAY_MS,
      });
      expect(moved.notBeforeMs).toBe(notBeforeMs + DAY_MS);
      const kept = await bridge.controlPlane.call("scheduleDestruction", {
        ...name(keyId),
        notBeforeMs: 1,
      });
      expect(kept.notBeforeMs).toBe(notBeforeMs + DAY_MS);
      await bridge.controlPlane.call("cancelDestruction", name(keyId));
      expect((await openLease(decryptWith(grant))).grant.branch).toBe(grant.branch);
      bridge.clockOffsetMs = 30 * DAY_MS;
      try {
        await expect(destroy()).rejects.toEqual(code("conflict"));
        await bridge.controlPlane.call("scheduleDestruction", { ...name(keyId), notBeforeMs: 0 });
        bridge.clockOffsetMs = 38 * DAY_MS;
        expect(await destroy()).toEqual({ versions: 1, branches: 1 });
        expect(await destroy()).toEqual({ versions: 1, branches: 1 });
      } finally {
        bridge.clockOffsetMs = 0;
      }
      expect(await bridge.leaseOutcome(edge.leaseRequest([decryptWith(grant)]))).toBe("destroyed");
      await expect(bridge.createKey(keyId)).rejects.toEqual(code("destroyed"));
    });
  });

  describe("rotation", () => {
    const rotate = (keyId: string, version: number) =>
      bridge.controlPlane.call("rotateKey", { ...name(keyId), version });

    it("encrypts under the new version, and decrypts what the old ones made", async () => {
      const keyId = await newKey();
      const first = await openLease(encryptWith(keyId));
      expect(await rotate(keyId, 2)).toMatchObject({ version: 2, store: backend.kind });
      const second = await openLease(encryptWith(keyId));
      expect(second.grant.version).toBe(2);
      expect(second.grant.branch).not.toBe(first.grant.branch);
      expect(second.key).not.toEqual(first.key);
      await bridge.restart();
      for (const { grant, key } of [first, second]) {
        expect((await openLease(decryptWith(grant))).key).toEqual(key);
      }
      const moved = { ...first.grant, version: 2 };
      expect(await bridge.leaseOutcome(edge.leaseRequest([decryptWith(moved)]))).toBe("not-found");
    });

    it("makes one version for a number, however often it is asked, also at once", async () => {
      const keyId = await newKey();
      const answers = await Promise.all(Array.from({ length: 4 }, () => rotate(keyId, 2)));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(await rotate(keyId, 1)).toEqual(answers[0]);
      await expect(rotate(keyId, 4)).rejects.toEqual(code("conflict"));
      expect(await rotate(keyId, 3)).toMatchObject({ version: 3 });
    });

    it("refuses unknown, given-up and frozen keys, and destroys all versions of one", async () => {
      await expect(rotate(randomUUID(), 2)).rejects.toEqual(code("not-found"));
      const keyId = await newKey();
      const elsewhere = { ...name(keyId), region: "ap-guangzhou", version: 2 };
      await expect(bridge.controlPlane.call("rotateKey", elsewhere)).rejects.toEqual(
        code("not-found"),
      );
      for (const [kind, id] of [
        ["key", keyId],
        ["account", ACCOUNT],
      ] as const) {
        await bridge.operator.call("freeze", { kind, id, reason: "test" });
        await expect(rotate(keyId, 2)).rejects.toEqual(code("frozen"));
        await bridge.operator.call("unfreeze", { kind, id });
      }
      await rotate(keyId, 2);
      await bridge.controlPlane.call("scheduleDestruction", { ...name(keyId), notBeforeMs: 0 });
      bridge.clockOffsetMs = 8 * DAY_MS;
      try {
        expect(await bridge.controlPlane.call("destroyKey", name(keyId))).toEqual({
          versions: 2,
          branches: 0,
        });
      } finally {
        bridge.clockOffsetMs = 0;
      }
      await expect(rotate(keyId, 3)).rejects.toEqual(code("destroyed"));
      const givenUp = await newKey();
      await bridge.controlPlane.call("abandonKey", name(givenUp));
      await expect(rotate(givenUp, 2)).rejects.toEqual(code("destroyed"));
    });

    it("is for the control plane only", async () => {
      const request = { ...name(await newKey()), version: 2 };
      await expect(bridge.operator.call("rotateKey", request)).rejects.toEqual(
        code("not-permitted"),
      );
    });
  });

  describe("leases", () => {
    it("seals the branch key to the instance alone and binds everything asked for", async () => {
      const keyId = await newKey();
      const { grant, key, request } = await openLease(encryptWith(keyId));
      expect(key).toHaveLength(32);
      expect(grant).toMatchObject({
        requestHash: request.requestHash,
        index: 0,
        edge: "edge-1",
        instance: edge.instance,
        group: "group-1",
        account: ACCOUNT,
        region: REGION,
        keyId,
        version: 1,
        suite: 1,
        store: backend.kind,
        epoch: bridge.epoch(),
        maxOperations: LIMITS.maxOperations,
      });
      const other = await TestEdge.make("edge-2");
      await expect(
        other.open(grant.sealed, "edge-kms/lease-grant/1", request.requestHash, grant.leaseId),
      ).rejects.toThrow();
      await expect(
        edge.open(grant.sealed, "edge-kms/lease-grant/1", request.requestHash, "00".repeat(16)),
      ).rejects.toThrow();
    });

    it("leases the same branch to encrypt and to decrypt, and one per key", async () => {
      const [a, b] = [await newKey(), await newKey()];
      const first = await openLease(encryptWith(a));
      const second = await openLease(encryptWith(a));
      const third = await openLease(decryptWith(first.grant));
      const fourth = await openLease(encryptWith(b));
      expect(second.grant.branch).toBe(first.grant.branch);
      expect(second.grant.leaseId).not.toBe(first.grant.leaseId);
      expect(second.key).toEqual(first.key);
      expect(third.key).toEqual(first.key);
      expect(fourth.grant.branch).not.toBe(first.grant.branch);
      expect(fourth.key).not.toEqual(first.key);
    });

    it("makes one branch for many who ask at once", async () => {
      const keyId = await newKey();
      const leases = await Promise.all(
        Array.from({ length: 8 }, () => openLease(encryptWith(keyId))),
      );
      expect(new Set(leases.map(({ grant }) => grant.branch)).size).toBe(1);
    });

    it("makes 16-byte branch keys for the SM4 suite", async () => {
      const keyId = await newKey(2);
      const { key, grant } = await openLease(encryptWith(keyId));
      expect(key).toHaveLength(16);
      expect(grant.suite).toBe(2);
    });

    it("turns branch keys over with the period, and opens the old ones", async () => {
      const keyId = await newKey();
      const old = await openLease(encryptWith(keyId));
      bridge.clockOffsetMs = 31 * DAY_MS;
      const ahead = { timeMs: Date.now() + bridge.clockOffsetMs };
      try {
        const lease = async (asked: LeasedKey) => {
          const request = edge.leaseRequest([asked], ahead);
          const [result] = await bridge.lease(request);
          if (result === undefined || !("grant" in result)) throw new Error("no grant");
          const grant = readLeaseGrant(result.grant, bridge.publicKey);
          return {
            grant,
            key: await edge.open(
              grant.sealed,
              "edge-kms/lease-grant/1",
              request.requestHash,
              grant.leaseId,
            ),
          };
        };
        expect((await lease(encryptWith(keyId))).grant.branch).not.toBe(old.grant.branch);
        expect((await lease(decryptWith(old.grant))).key).toEqual(old.key);
      } finally {
        bridge.clockOffsetMs = 0;
      }
    });

    it("caps what the control plane permits", async () => {
      const keyId = await newKey();
      const huge = {
        refreshAfterMs: 10 ** 9,
        expiresAfterMs: 10 ** 9,
        maxOperations: 10 ** 12,
        maxUnacknowledged: 10 ** 12,
      };
      const [result] = await bridge.lease(edge.leaseRequest([encryptWith(keyId)]), {
        limits: huge,
      });
      if (result === undefined || !("grant" in result)) throw new Error("no grant");
      const grant = readLeaseGrant(result.grant, bridge.publicKey);
      expect(grant.refreshAtMs - grant.notBeforeMs).toBe(60_000);
      expect(grant.expiresAtMs - grant.notBeforeMs).toBe(900_000);
      expect(grant.maxOperations).toBe(1_000_000);
      expect(grant.maxUnacknowledged).toBe(100_000);
    });

    it("answers only the indexes that are permitted, each for itself", async () => {
      const keyId = await newKey();
      const request = edge.leaseRequest([
        encryptWith(keyId),
        encryptWith(randomUUID()),
        encryptWith(keyId),
      ]);
      const results = await bridge.lease(request, {}, [0, 1]);
      expect(results.map((result) => ("grant" in result ? "grant" : result.error.code))).toEqual([
        "grant",
        "not-found",
      ]);
      const again = edge.leaseRequest([encryptWith(keyId)]);
      await expect(bridge.lease(again, {}, [0, 0])).rejects.toEqual(code("bad-request"));
      const [beyond] = await bridge.lease(edge.leaseRequest([encryptWith(keyId)]), {}, [7]);
      expect(beyond).toMatchObject({ index: 7, error: { code: "bad-request" } });
    });

    it("refuses a branch of another group, and unknown branches, versions, suites and keys", async () => {
      const keyId = await newKey();
      const { grant } = await openLease(encryptWith(keyId));
      const stranger = await TestEdge.make(`edge-${randomUUID().slice(0, 8)}`, "group-2");
      await bridge.enroll(stranger);
      expect(await bridge.leaseOutcome(stranger.leaseRequest([decryptWith(grant)]))).toBe(
        "wrong-group",
      );
      const other = await newKey();
      const unknown = [
        { ...grant, branch: "00".repeat(8) },
        { ...grant, version: 2 },
        { ...grant, suite: 2 as const },
        { ...grant, keyId: other },
      ];
      for (const changed of unknown) {
        expect(await bridge.leaseOutcome(edge.leaseRequest([decryptWith(changed)]))).toBe(
          "not-found",
        );
      }
    });
  });

  describe("edge requests", () => {
    let keyId: string;
    beforeAll(async () => {
      keyId = await newKey();
    });
    const refused = "call: edge-refused";

    it("refuses a forged request", async () => {
      const impostor = await TestEdge.make("edge-1");
      expect(await bridge.leaseOutcome(impostor.leaseRequest([encryptWith(keyId)]))).toBe(refused);
      const unknown = await TestEdge.make("edge-nobody");
      expect(await bridge.leaseOutcome(unknown.leaseRequest([encryptWith(keyId)]))).toBe(refused);
    });

    it("refuses a replayed request, at once and after a restart", async () => {
      const request = edge.leaseRequest([encryptWith(keyId)], { timeMs: Date.now() + 30_000 });
      expect(await bridge.leaseOutcome(request)).toBe("granted");
      expect(await bridge.leaseOutcome(request)).toBe(refused);
      await bridge.restart();
      expect(await bridge.leaseOutcome(request)).toBe(refused);
      const twice = edge.leaseRequest([encryptWith(keyId)]);
      const outcomes = await Promise.all([bridge.leaseOutcome(twice), bridge.leaseOutcome(twice)]);
      expect(outcomes.sort()).toEqual([refused, "granted"]);
    });

    it("refuses an altered request, whatever was altered", async () => {
      const good = edge.leaseRequest([encryptWith(keyId)]);
      const payload = JSON.parse(Buffer.from(good.message.payload, "base64").toString()) as object;
      const other = await TestEdge.make("other");
      const alterations = [
        { ...payload, hpkePublicKey: other.hpkePublicKey },
        { ...payload, nonce: "11".repeat(16) },
        { ...payload, keys: [encryptWith(await newKey())] },
        { ...payload, extra: 1 },
      ];
      const encode = (value: object): string =>
        Buffer.from(JSON.stringify(value)).toString("base64");
      const messages: SignedMessage[] = [
        ...alterations.map((altered) => ({ ...good.message, payload: encode(altered) })),
        { ...good.message, type: "edge-kms/connect/1" },
        { ...good.message, signature: Buffer.alloc(64).toString("base64") },
        { ...good.message, payload: `${good.message.payload}====` },
      ];
      for (const message of messages) {
        expect(await bridge.leaseOutcome({ message, requestHash: "" })).toBe(refused);
      }
      expect(await bridge.leaseOutcome(good)).toBe("granted");
    });

    it("refuses a stale request, one from the future, and one from before its own start", async () => {
      const at = (timeMs: number): SignedRequest =>
        edge.leaseRequest([encryptWith(keyId)], { timeMs });
      expect(await bridge.leaseOutcome(at(Date.now() - 61_000))).toBe(refused);
      expect(await bridge.leaseOutcome(at(Date.now() + 61_000))).toBe(refused);
      const before = at(Date.now());
      await bridge.restart();
      expect(await bridge.leaseOutcome(before)).toBe(refused);
    });

    it("refuses what the enrolment does not cover", async () => {
      for (const changes of [{ account: "100000000002" }, { region: "ap-guangzhou" }]) {
        expect(await bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId, changes)]))).toBe(
          "edge-refused",
        );
      }
    });

    it("refuses HPKE keys that are none or of small order", async () => {
      for (const key of [Buffer.alloc(32), Buffer.alloc(31, 9)]) {
        const request = edge.leaseRequest([encryptWith(keyId)], {
          hpkePublicKey: key.toString("base64"),
        });
        expect(await bridge.leaseOutcome(request)).toMatch(/edge-refused$/);
      }
    });

    it("refuses an epoch below the highest it granted under, and of another generation", async () => {
      const lease = (counter: number, generation = bridge.epoch().generation) =>
        bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId)]), {
          epoch: { generation, counter },
        });
      bridge.epochCounter = 5;
      expect(await lease(5)).toBe("granted");
      expect(await lease(5)).toBe("granted");
      expect(await lease(4)).toBe("stale-epoch");
      expect(await lease(9, 0)).toBe("stale-epoch");
      await bridge.restart();
      expect(await lease(4)).toBe("stale-epoch");
      expect((await bridge.operator.call("status", {})).epochs).toContainEqual({
        account: ACCOUNT,
        counter: 5,
      });
    });

    it("refuses an epoch too far above the highest, which would shut the account out for good", async () => {
      const lease = (counter: number) =>
        bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId)]), {
          epoch: bridge.epoch(counter),
        });
      const highest = bridge.epochCounter;
      for (const counter of [Number.MAX_SAFE_INTEGER, highest + MAX_EPOCH_STEP + 1]) {
        expect(await lease(counter)).toBe("bad-request");
      }
      expect(await lease(highest)).toBe("granted");
      bridge.epochCounter = highest + MAX_EPOCH_STEP;
      expect(await lease(bridge.epochCounter)).toBe("granted");
      expect(await lease(highest)).toBe("stale-epoch");
    });
  });

  describe("freezes", () => {
    it("stops leases for an edge, a key and an account until lifted", async () => {
      const keyId = await newKey();
      const lease = () => bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId)]));
      const revisionOf = async () => (await bridge.controlPlane.call("status", {})).freezesRevision;
      const before = await revisionOf();
      for (const [kind, id, outcome] of [
        ["edge", edge.name, "call: frozen"],
        ["key", keyId, "frozen"],
        ["account", ACCOUNT, "frozen"],
      ] as const) {
        expect(await lease()).toBe("granted");
        await bridge.operator.call("freeze", { kind, id, reason: "test" });
        expect(await lease()).toBe(outcome);
        const { freezes, revision } = await bridge.controlPlane.call("listFreezes", {});
        expect(revision).toBe(await revisionOf());
        expect(freezes).toEqual([expect.objectContaining({ kind, id, reason: "test" })]);
        await bridge.operator.call("unfreeze", { kind, id });
      }
      expect(await lease()).toBe("granted");
      // Each counts once: whoever polls the number misses none.
      expect(await revisionOf()).toBe(before + 6);
      for (const ceiling of ["proxy", "proxy", "lease"] as const) {
        await bridge.operator.call("setEdgeModeCeiling", { keyId, ceiling });
      }
      expect(await revisionOf()).toBe(before + 8);
      await expect(bridge.operator.call("unfreeze", { kind: "key", id: keyId })).rejects.toEqual(
        code("not-found"),
      );
      expect(await revisionOf()).toBe(before + 8);
      await expect(
        bridge.operator.call("freeze", { kind: "key", id: "edge-1", reason: "" }),
      ).rejects.toEqual(code("bad-request"));
    });
  });

  describe("enrolment", () => {
    it("repeats an identical one and refuses another key, scope or name for a key", async () => {
      await bridge.enroll(edge);
      await expect(bridge.enroll(edge, { accounts: ["7"] })).rejects.toEqual(code("conflict"));
      await expect(bridge.enroll(edge, { group: "g" })).rejects.toEqual(code("conflict"));
      await expect(bridge.enroll(edge, { edge: "edge-1b" })).rejects.toEqual(code("conflict"));
      await expect(bridge.enroll(await TestEdge.make("edge-1"))).rejects.toEqual(code("conflict"));
      await expect(bridge.enroll(edge, { publicKey: "AAAA" })).rejects.toEqual(code("bad-request"));
      const { edges } = await bridge.controlPlane.call("listEdges", {});
      expect(edges).toContainEqual(
        expect.objectContaining({ edge: "edge-1", publicKey: edge.publicKey, frozen: false }),
      );
    });
  });

  describe("log", () => {
    it("lists exactly the branch keys that went to an edge", async () => {
      const keyId = await newKey();
      const { grant } = await openLease(encryptWith(keyId));
      const entries = [];
      for (let after = 0; ; ) {
        const page = await bridge.operator.call("readLog", { afterSeq: after, limit: 100 });
        entries.push(...page.entries);
        if (page.entries.length < 100) break;
        after = page.entries.at(-1)?.seq ?? 0;
      }
      expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1));
      const leased = entries.filter(
        ({ event, details }) => event === "branch-leased" && details.keyId === keyId,
      );
      expect(leased).toHaveLength(1);
      expect(leased[0]?.details).toMatchObject({
        edge: edge.name,
        instance: edge.instance,
        branch: grant.branch,
        leaseId: grant.leaseId,
        auditSeq: 0,
      });
    });
  });

  it("wrote no secret: output and registry have no PIN and no opened branch key", async () => {
    const output = bridge.output.join("");
    expect(output).not.toContain("pin-3f1c94d2a7");
    if (backend.name === "software") expect(output).toMatch(/NO HSM/);
    const registry = await readFile(`${bridge.home}/bridge/registry.sqlite`);
    expect(registry.includes("pin-3f1c94d2a7")).toBe(false);
  });
});
