/** Operations that the bridge performs, and the ceilings that operators put over keys; one suite over every store. */

import { randomUUID } from "node:crypto";
import {
  base64Encode,
  canonicalEncryptionContext,
  decodeEnvelope,
  encodeOperands,
  envelopeAssociatedData,
  type LeasedKey,
  type Operation,
  unwrap,
} from "@edge-kms/protocol";
import { loadCore } from "@edge-kms/wasm-core/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATION_MS } from "./operations/operate.ts";
import { ACCOUNT, encryptWith, REGION, TestBridge } from "./testing/bridge.ts";
import {
  readLeaseGrant,
  readOperationResult,
  readSealingKey,
  type SignedRequest,
  TestEdge,
} from "./testing/edge.ts";
import { keyBackends } from "./testing/stores.ts";

const core = await loadCore();
const plaintext = Buffer.from("a plaintext that the control plane does not see");
const context = unwrap(canonicalEncryptionContext('{"a":"b"}'));

describe.each(keyBackends)("operations over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;
  let stranger: TestEdge;

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    stranger = await TestEdge.make("edge-2", "group-2");
    await bridge.enroll(edge);
    await bridge.enroll(stranger);
  });
  afterAll(async () => {
    await bridge?.remove();
  });

  const newKey = async (suite: 1 | 2 = 1): Promise<string> => {
    const keyId = randomUUID();
    await bridge.createKey(keyId, suite);
    return keyId;
  };
  const sealingKey = async () => {
    const status = await bridge.controlPlane.call("status", {});
    return readSealingKey(status.sealingKey, bridge.publicKey);
  };
  const ask = async (operation: Operation, text: Uint8Array, by = edge, changes: object = {}) =>
    by.operationRequest(operation, encodeOperands({ context, text }), await sealingKey(), changes);
  const pass = (request: SignedRequest, changes: object = {}) =>
    bridge.controlPlane.call("operate", {
      request: request.message,
      epoch: bridge.epoch(),
      maxUnacknowledged: 10,
      ...changes,
    });
  const outcome = async (request: SignedRequest, changes: object = {}): Promise<string> => {
    try {
      await pass(request, changes);
      return "performed";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  /** Performs one operation and opens its result. */
  const perform = async (operation: Operation, text: Uint8Array, by = edge) => {
    const request = await ask(operation, text, by);
    const { result } = await pass(request);
    const terms = readOperationResult(result, bridge.publicKey);
    if (!("branch" in terms)) throw new Error("not with a branch key");
    const content = await by.open(
      terms.sealed,
      "edge-kms/operation-result/1",
      request.requestHash,
      terms.leaseId,
    );
    return { terms, content, request };
  };
  const toDecrypt = (envelope: Uint8Array): Operation & { purpose: "decrypt" } => {
    const header = decodeEnvelope(base64Encode(envelope));
    if (header === null) throw new Error("no envelope");
    return {
      ...encryptWith(header.keyId),
      purpose: "decrypt",
      version: header.versionId,
      branch: header.branchId,
      suite: header.suite,
    };
  };

  it.each([1, 2] as const)(
    "encrypts with suite %i what a lease decrypts, and back",
    async (suite) => {
      const keyId = await newKey(suite);
      const { terms, content: envelope } = await perform(encryptWith(keyId), plaintext);
      expect(terms).toMatchObject({
        purpose: "encrypt",
        edge: "edge-1",
        account: ACCOUNT,
        region: REGION,
        keyId,
        version: 1,
        suite,
        group: "group-1",
        maxUnacknowledged: 10,
        epoch: bridge.epoch(),
        store: backend.kind,
      });
      expect(terms.expiresAtMs - terms.notBeforeMs).toBe(OPERATION_MS);

      const leased = edge.leaseRequest([toDecrypt(envelope)]);
      const [result] = await bridge.lease(leased);
      if (result === undefined || !("grant" in result)) throw new Error(JSON.stringify(result));
      const grant = readLeaseGrant(result.grant, bridge.publicKey);
      expect(grant).toMatchObject({ branch: terms.branch, version: 1, suite });
      const key = core.suiteKey(
        suite,
        await edge.open(grant.sealed, "edge-kms/lease-grant/1", leased.requestHash, grant.leaseId),
      );
      const parts = decodeEnvelope(base64Encode(envelope));
      if (parts === null) throw new Error("no envelope");
      const { header, nonce, commitment, ciphertextAndTag } = parts;
      const aad = envelopeAssociatedData(header, context);
      expect(key.decrypt(nonce, aad, commitment, ciphertextAndTag)).toEqual(
        Uint8Array.from(plaintext),
      );
      expect((await perform(toDecrypt(envelope), envelope)).content).toEqual(plaintext);
    },
  );

  it("encrypts nothing and the longest message, and nothing longer", async () => {
    const keyId = await newKey();
    for (const length of [0, 4096]) {
      const text = Buffer.alloc(length, 5);
      const { content } = await perform(encryptWith(keyId), text);
      expect((await perform(toDecrypt(content), content)).content).toEqual(text);
    }
    expect(await outcome(await ask(encryptWith(keyId), Buffer.alloc(4097)))).toBe("edge-refused");
  });

  it("decrypts another group's ciphertext, which it does not lease", async () => {
    const { content } = await perform(encryptWith(await newKey()), plaintext);
    const asked = toDecrypt(content);
    expect(await bridge.leaseOutcome(stranger.leaseRequest([asked]))).toBe("wrong-group");
    const { terms, content: opened } = await perform(asked, content, stranger);
    expect(opened).toEqual(plaintext);
    expect(terms).toMatchObject({ edge: "edge-2", group: "group-1" });
    // What it encrypts is its own group's.
    const again = await perform(encryptWith(asked.keyId), plaintext, stranger);
    expect(again.terms).toMatchObject({ group: "group-2" });
    expect(again.terms.branch).not.toBe(asked.branch);
  });

  it("opens no ciphertext with a byte changed, of another context, or of another key than asked for", async () => {
    const keyId = await newKey();
    const { content } = await perform(encryptWith(keyId), plaintext);
    const asked = toDecrypt(content);
    for (const at of [0, 2, 3, 19, 23, 31, 55, 87, content.length - 1]) {
      const changed = Uint8Array.from(content);
      changed[at] = (changed[at] as number) ^ 1;
      expect(await outcome(await ask(asked, changed))).toBe("not-authentic");
    }
    expect(await outcome(await ask(asked, content.subarray(0, 50)))).toBe("not-authentic");
    const other = encodeOperands({ context: new Uint8Array(2), text: content });
    const request = await edge.operationRequest(asked, other, await sealingKey());
    expect(await outcome(request)).toBe("not-authentic");
    // Refused, and not to be played again either.
    expect(await outcome(request)).toBe("edge-refused");
    const elsewhere = await perform(encryptWith(await newKey()), plaintext);
    expect(await outcome(await ask(asked, elsewhere.content))).toBe("not-authentic");
    expect(await outcome(await ask({ ...asked, branch: "00".repeat(8) }, content))).toBe(
      "not-found",
    );
    expect(await outcome(await ask({ ...asked, version: 2 }, content))).toBe("not-found");
  });

  it("refuses what is replayed, old, forged, of another kind, or altered after it was sealed", async () => {
    const asked = encryptWith(await newKey());
    const request = await ask(asked, plaintext);
    expect(await outcome(request)).toBe("performed");
    expect(await outcome(request)).toBe("edge-refused");
    for (const changes of [
      { timeMs: Date.now() - 61_000 },
      { timeMs: Date.now() + 61_000 },
      { edge: "edge-2" },
      // The sealed operands are tied to their nonce.
      { nonce: "00".repeat(16) },
      { hpkePublicKey: "" },
    ]) {
      expect(await outcome(await ask(asked, plaintext, edge, changes))).toBe("edge-refused");
    }
    const lease = edge.leaseRequest([asked]);
    expect(await outcome(lease)).toBe("edge-refused");
    const nobody = await TestEdge.make("edge-1");
    expect(await outcome(await ask(asked, plaintext, nobody))).toBe("edge-refused");
    const noOperands = await edge.operationRequest(asked, Buffer.alloc(3), await sealingKey());
    expect(await outcome(noOperands)).toBe("edge-refused");
  });

  it("serves no account or region beyond the enrolment, and nothing frozen or of an old epoch", async () => {
    const asked = encryptWith(await newKey());
    for (const changes of [{ account: "100000000002" }, { region: "eu-frankfurt" }]) {
      expect(await outcome(await ask({ ...asked, ...changes }, plaintext))).toBe("edge-refused");
    }
    for (const [kind, id] of [
      ["edge", "edge-1"],
      ["key", asked.keyId],
      ["account", ACCOUNT],
    ] as const) {
      await bridge.operator.call("freeze", { kind, id, reason: "test" });
      expect(await outcome(await ask(asked, plaintext))).toBe("frozen");
      await bridge.operator.call("unfreeze", { kind, id });
    }
    const { account, region, keyId } = asked;
    const name = { account, region, keyId };
    await bridge.controlPlane.call("scheduleDestruction", { ...name, notBeforeMs: 0 });
    expect(await outcome(await ask(asked, plaintext))).toBe("conflict");
    await bridge.controlPlane.call("cancelDestruction", name);
    bridge.epochCounter += 1;
    expect(await outcome(await ask(asked, plaintext))).toBe("performed");
    const before = bridge.epoch(bridge.epochCounter - 1);
    expect(await outcome(await ask(asked, plaintext), { epoch: before })).toBe("stale-epoch");
  });

  it("says so when operands are sealed to the key of an earlier start", async () => {
    const asked = encryptWith(await newKey());
    const key = await sealingKey();
    await bridge.restart();
    const operands = encodeOperands({ context, text: plaintext });
    expect(await outcome(await edge.operationRequest(asked, operands, key))).toBe(
      "sealing-key-changed",
    );
    expect(await outcome(await ask(asked, plaintext))).toBe("performed");
  });

  it("has every operation in its log, and no plaintext anywhere", async () => {
    const keyId = await newKey();
    const { terms } = await perform(encryptWith(keyId), plaintext);
    const { entries } = await bridge.operator.call("readLog", { afterSeq: 0, limit: 1000 });
    expect(entries.at(-1)).toMatchObject({
      event: "operation-performed",
      details: { edge: "edge-1", keyId, purpose: "encrypt", leaseId: terms.leaseId },
    });
    const text = JSON.stringify(entries) + bridge.output.join("");
    for (const form of ["utf8", "base64", "hex"] as const) {
      expect(text).not.toContain(plaintext.toString(form));
    }
  });

  it("lets no control plane go beyond the ceiling of a key", async () => {
    const keyId = await newKey();
    const asked: LeasedKey = encryptWith(keyId);
    const set = (ceiling: "lease" | "proxy" | "deny") =>
      bridge.operator.call("setEdgeModeCeiling", { keyId, ceiling });
    const both = async () => [
      await bridge.leaseOutcome(edge.leaseRequest([asked])),
      await outcome(await ask(asked, plaintext)),
    ];
    expect(await both()).toEqual(["granted", "performed"]);
    await set("proxy");
    expect(await both()).toEqual(["not-permitted", "performed"]);
    await set("deny");
    expect(await both()).toEqual(["not-permitted", "not-permitted"]);
    await bridge.restart();
    expect(await both()).toEqual(["not-permitted", "not-permitted"]);
    expect(await bridge.operator.call("listEdgeModeCeilings", {})).toEqual({
      ceilings: [{ keyId, ceiling: "deny" }],
    });
    await expect(
      bridge.controlPlane.call("setEdgeModeCeiling", { keyId, ceiling: "lease" }),
    ).rejects.toMatchObject({ code: "not-permitted" });
    await set("lease");
    await set("lease");
    expect(await both()).toEqual(["granted", "performed"]);
    await expect(
      bridge.operator.call("setEdgeModeCeiling", { keyId: randomUUID(), ceiling: "deny" }),
    ).rejects.toMatchObject({ code: "not-found" });
    const { entries } = await bridge.operator.call("readLog", { afterSeq: 0, limit: 1000 });
    const changes = entries.filter(({ event }) => event === "edge-mode-ceiling-set");
    expect(changes.map(({ details }) => details.ceiling)).toEqual(["proxy", "deny", "lease"]);
  });

  it("grants no lease that ends at once", async () => {
    const limits = { refreshAfterMs: 0, expiresAfterMs: 0, maxOperations: 1, maxUnacknowledged: 1 };
    const request = edge.leaseRequest([encryptWith(await newKey())]);
    expect(await bridge.leaseOutcome(request, { limits })).toBe("not-permitted");
  });
});
