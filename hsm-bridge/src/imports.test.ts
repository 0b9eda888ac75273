/** Imported material at the bridge's door, one suite over every store. */

import { constants, createPublicKey, publicEncrypt, randomBytes, randomUUID } from "node:crypto";
import type { LeasedKey } from "@edge-kms/protocol";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ACCOUNT, encryptWith, REGION, TestBridge } from "./testing/bridge.ts";
import { readLeaseGrant, TestEdge } from "./testing/edge.ts";
import { keyBackends } from "./testing/stores.ts";
import { UPKEEP_MS } from "./upkeep.ts";

const code = (value: string) => expect.objectContaining({ code: value });
const paddings = {
  RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
  RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
  RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
} as const;
type Algorithm = keyof typeof paddings;
const algorithms = Object.keys(paddings) as Algorithm[];

describe.each(keyBackends)("imports over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;
  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
  });
  afterAll(() => bridge?.remove());

  const name = (keyId: string) => ({ account: ACCOUNT, region: REGION, keyId });
  const newKey = async (suite: 1 | 2 = 1): Promise<string> => {
    const keyId = randomUUID();
    await bridge.controlPlane.call("createExternalKey", { ...name(keyId), suite });
    return keyId;
  };
  const parameters = (keyId: string, algorithm: Algorithm = "RSAES_OAEP_SHA_256") =>
    bridge.controlPlane.call("importParameters", { ...name(keyId), algorithm });
  const wrap = (publicKey: string, material: Uint8Array, algorithm: Algorithm) =>
    publicEncrypt(
      {
        key: createPublicKey({
          key: Buffer.from(publicKey, "base64"),
          format: "der",
          type: "spki",
        }),
        ...paddings[algorithm],
      },
      material,
    ).toString("base64");
  const importIt = async (
    keyId: string,
    bytes: Uint8Array,
    algorithm: Algorithm = "RSAES_OAEP_SHA_256",
  ) => {
    const { token, publicKey } = await parameters(keyId, algorithm);
    const material = wrap(publicKey, bytes, algorithm);
    return bridge.controlPlane.call("importMaterial", { ...name(keyId), token, material });
  };
  const openLease = async (asked: LeasedKey) => {
    const request = edge.leaseRequest([asked]);
    const [result] = await bridge.lease(request);
    if (result === undefined || !("grant" in result)) throw new Error(JSON.stringify(result));
    const grant = readLeaseGrant(result.grant, bridge.publicKey);
    const { leaseId, sealed } = grant;
    const key = await edge.open(sealed, "edge-kms/lease-grant/1", request.requestHash, leaseId);
    return { grant, key: Buffer.from(key) };
  };
  const objects = async () => {
    await bridge.stop();
    const store = await bridge.openStore();
    const ids = [...new Set((await store.listObjects()).map(({ id }) => id))];
    await store.close();
    await bridge.start();
    return ids;
  };

  it.each(algorithms)("%s: material in, branch keys leased under it", async (algorithm) => {
    for (const [suite, bytes] of [
      [1, 32],
      [2, 16],
    ] as const) {
      const keyId = await newKey(suite);
      const asked = encryptWith(keyId);
      expect(await bridge.leaseOutcome(edge.leaseRequest([asked]))).toBe("not-found");
      expect(await importIt(keyId, randomBytes(bytes), algorithm)).toMatchObject({ version: 1 });
      const { key } = await openLease(asked);
      expect(key).toHaveLength(bytes);
    }
  });

  it("the same material opens old branch keys again, other material is refused", async () => {
    const keyId = await newKey();
    const material = randomBytes(32);
    await importIt(keyId, material);
    const { grant, key } = await openLease(encryptWith(keyId));
    await importIt(keyId, material);
    await bridge.controlPlane.call("deleteMaterial", name(keyId));
    await bridge.controlPlane.call("deleteMaterial", name(keyId));
    const asked: LeasedKey = {
      ...name(keyId),
      purpose: "decrypt",
      version: grant.version,
      branch: grant.branch,
      suite: grant.suite,
    };
    expect(await bridge.leaseOutcome(edge.leaseRequest([asked]))).not.toBe("granted");
    await expect(importIt(keyId, randomBytes(32))).rejects.toEqual(code("import-mismatch"));
    await importIt(keyId, material, "RSAES_PKCS1_V1_5");
    expect((await openLease(asked)).key).toEqual(key);
  });

  it("a deletion ends the pairs: the same import again undoes nothing", async () => {
    const keyId = await newKey();
    const other = await parameters(keyId);
    const { token, publicKey } = await parameters(keyId);
    const bytes = randomBytes(32);
    const material = wrap(publicKey, bytes, "RSAES_OAEP_SHA_256");
    const again = { ...name(keyId), token, material };
    await bridge.controlPlane.call("importMaterial", again);
    await bridge.controlPlane.call("deleteMaterial", name(keyId));
    for (const kept of [
      again,
      {
        ...again,
        token: other.token,
        material: wrap(other.publicKey, bytes, "RSAES_OAEP_SHA_256"),
      },
    ]) {
      await expect(bridge.controlPlane.call("importMaterial", kept)).rejects.toEqual(
        code("import-token"),
      );
    }
    expect(await bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId)]))).toBe("not-found");
    await importIt(keyId, bytes);
  });

  it("three failures end a token and its pair, ten an hour's attempts", async () => {
    const keyId = await newKey();
    const { token, publicKey } = await parameters(keyId);
    const good = wrap(publicKey, randomBytes(32), "RSAES_OAEP_SHA_256");
    const attempt = (material: string, with_ = token) =>
      bridge.controlPlane.call("importMaterial", { ...name(keyId), token: with_, material });
    const rejected = code("import-rejected");
    await expect(attempt(wrap(publicKey, randomBytes(31), "RSAES_OAEP_SHA_256"))).rejects.toEqual(
      rejected,
    );
    await expect(attempt(wrap(publicKey, randomBytes(32), "RSAES_OAEP_SHA_1"))).rejects.toEqual(
      rejected,
    );
    await expect(attempt("no base64")).rejects.toEqual(rejected);
    await expect(attempt(good)).rejects.toEqual(code("import-token"));
    for (let n = 0; n < 7; n++) {
      const fresh = await parameters(keyId);
      await expect(
        attempt(Buffer.alloc(n === 0 ? 1024 : 256).toString("base64"), fresh.token),
      ).rejects.toEqual(rejected);
    }
    await expect(importIt(keyId, randomBytes(32))).rejects.toEqual(code("too-many-failures"));
    bridge.clockOffsetMs += 3_600_001;
    await importIt(keyId, randomBytes(32));
    bridge.clockOffsetMs -= 3_600_001;
  });

  it("makes no more than thirty pairs for a key in an hour", async () => {
    const [keyId, other] = [await newKey(), await newKey()];
    await bridge.restart(() => {
      bridge.editRegistry((database) => {
        const made = database.prepare("INSERT INTO import_pairs_made VALUES (?, ?)");
        for (let n = 0; n < 28; n++) made.run(keyId, Date.now());
      });
    });
    await parameters(keyId);
    await parameters(keyId);
    await expect(parameters(keyId)).rejects.toEqual(code("too-many-failures"));
    await parameters(other);
    bridge.clockOffsetMs += 3_600_001;
    await importIt(keyId, randomBytes(32));
    bridge.clockOffsetMs -= 3_600_001;
  });

  it("a token is for its key and algorithm, for a day, and signed", async () => {
    const keyId = await newKey();
    const other = await newKey();
    const { token, publicKey, validToMs } = await parameters(keyId);
    expect(Math.abs(validToMs - Date.now() - 86_400_000)).toBeLessThan(60_000);
    const material = wrap(publicKey, randomBytes(32), "RSAES_OAEP_SHA_256");
    const attempt = (of: string, with_: string) =>
      bridge.controlPlane.call("importMaterial", { ...name(of), token: with_, material });
    const refused = code("import-token");
    await expect(attempt(other, token)).rejects.toEqual(refused);
    for (const forged of ["", "AAAA", Buffer.from("{}").toString("base64")]) {
      await expect(attempt(keyId, forged)).rejects.toEqual(refused);
    }
    const altered = JSON.parse(Buffer.from(token, "base64").toString());
    const payload = JSON.parse(Buffer.from(altered.payload, "base64").toString());
    altered.payload = Buffer.from(JSON.stringify({ ...payload, keyId: other })).toString("base64");
    const forged = Buffer.from(JSON.stringify(altered)).toString("base64");
    await expect(attempt(other, forged)).rejects.toEqual(refused);
    bridge.clockOffsetMs += 86_400_001;
    await expect(attempt(keyId, token)).rejects.toEqual(refused);
    bridge.clockOffsetMs -= 86_400_001;
  });

  it("keys that were made here take no material, and imported ones do not rotate", async () => {
    const made = randomUUID();
    await bridge.createKey(made);
    await expect(parameters(made)).rejects.toEqual(code("conflict"));
    await expect(bridge.controlPlane.call("deleteMaterial", name(made))).rejects.toEqual(
      code("conflict"),
    );
    const keyId = await newKey();
    await expect(
      bridge.controlPlane.call("createKey", { ...name(keyId), suite: 1 }),
    ).rejects.toEqual(code("conflict"));
    await importIt(keyId, randomBytes(32));
    const rotate = bridge.controlPlane.call("rotateKey", { ...name(keyId), version: 2 });
    await expect(rotate).rejects.toEqual(code("conflict"));
  });

  it("a frozen key takes and loses nothing", async () => {
    const keyId = await newKey();
    await importIt(keyId, randomBytes(32));
    await bridge.operator.call("freeze", { kind: "key", id: keyId, reason: "test" });
    await expect(parameters(keyId)).rejects.toEqual(code("frozen"));
    await expect(bridge.controlPlane.call("deleteMaterial", name(keyId))).rejects.toEqual(
      code("frozen"),
    );
  });

  it("leaves nothing in the store when a key ends, nor of pairs whose day is over", async () => {
    const keyId = await newKey();
    const before = await objects();
    await importIt(keyId, randomBytes(32));
    await parameters(keyId);
    expect((await objects()).length).toBe(before.length + 3);
    await bridge.controlPlane.call("scheduleDestruction", { ...name(keyId), notBeforeMs: 0 });
    bridge.clockOffsetMs += 7 * 86_400_000 + 1;
    await bridge.controlPlane.call("destroyKey", name(keyId));
    bridge.clockOffsetMs -= 7 * 86_400_000 + 1;
    expect((await objects()).length).toBe(before.length);
    await expect(parameters(keyId)).rejects.toEqual(code("destroyed"));
  });

  it("pairs end with their day, at a start and while nobody asks for anything", async () => {
    const day = 86_400_001;
    const pairObject = (keyId: string) =>
      bridge.editRegistry((database) => {
        const row = database.prepare("SELECT object_id FROM import_pairs WHERE key_id = ?");
        return row.get(keyId)?.object_id;
      });
    const [first, second] = [await newKey(), await newKey()];
    await parameters(first);
    let ofFirst: unknown;
    await bridge.restart(() => {
      ofFirst = pairObject(first);
      // Also of those that tests before this one made an hour ahead.
      bridge.clockOffsetMs += 2 * day;
    });
    expect(ofFirst).toMatch(/^ek-/);
    await parameters(second);
    let ofSecond: unknown;
    await bridge.restart(async () => {
      ofSecond = pairObject(second);
      const store = await bridge.openStore();
      const ids = [...new Set((await store.listObjects()).map(({ id }) => id))];
      await store.close();
      expect(ids).toContain(ofSecond);
      expect(ids).not.toContain(ofFirst);
      bridge.upkeepMs = 50;
    });
    const destroyed = async () => (await bridge.operator.call("storeCalls", {})).calls.destroyKey;
    expect(await destroyed()).toBe(0);
    bridge.clockOffsetMs += day;
    await vi.waitFor(async () => expect(await destroyed()).toBe(1), { timeout: 20_000 });
    bridge.clockOffsetMs = 0;
    bridge.upkeepMs = UPKEEP_MS;
    expect(await objects()).not.toContain(ofSecond);
  }, 60_000);

  it("says and keeps no material", async () => {
    const keyId = await newKey();
    const material = randomBytes(32);
    await importIt(keyId, material);
    const { readFileSync, readdirSync } = await import("node:fs");
    for (const form of ["hex", "base64"] as const) {
      expect(bridge.output.join("\n")).not.toContain(material.toString(form));
    }
    const folder = `${bridge.home}/bridge`;
    for (const file of readdirSync(folder)) {
      expect(readFileSync(`${folder}/${file}`).includes(material)).toBe(false);
    }
  });
});
