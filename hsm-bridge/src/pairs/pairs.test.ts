/** Asymmetric keys at the bridge's door, one suite over every store; beside OpenSSL, and sm-crypto for SM2. */

import {
  constants,
  createHash,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  randomUUID,
  verify,
} from "node:crypto";
import { createRequire } from "node:module";
import {
  type AsymmetricKeyUsage,
  asymmetricKeyUsages,
  encodeOperands,
  type PairOperation,
  publicKeyStatement,
  type SignAlgorithm,
  signAlgorithmRows,
} from "@edge-kms/protocol";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, encryptWith, REGION, TestBridge } from "../testing/bridge.ts";
import { readOperationResult, readSealingKey, TestEdge } from "../testing/edge.ts";
import { allStoreBackends } from "../testing/stores.ts";

/** CommonJS without types; another implementation than the one in use. */
const { sm2 } = createRequire(import.meta.url)("sm-crypto") as {
  sm2: {
    doEncrypt(hexOrBytes: number[], publicKey: string, mode: number): string;
    doVerifySignature(
      message: number[] | string,
      signature: string,
      publicKey: string,
      options: object,
    ): boolean;
  };
};

const code = (value: string) => expect.objectContaining({ code: value });
const empty = new Uint8Array(0);

describe.each(allStoreBackends)("asymmetric keys over the $name store", (backend) => {
  let bridge: TestBridge;
  let edge: TestEdge;
  const pairs = new Map<AsymmetricKeyUsage, { keyId: string; publicKey: Buffer }>();
  /** Keys of single tests that are still there. */
  const others: string[] = [];

  const name = (keyId: string) => ({ account: ACCOUNT, region: REGION, keyId });
  const create = async (usage: AsymmetricKeyUsage, keyId: string = randomUUID()) => {
    const made = await bridge.controlPlane.call("createKeyPair", { ...name(keyId), usage });
    const statement = v.parse(
      publicKeyStatement,
      JSON.parse(Buffer.from(made.statement.payload, "base64").toString()),
    );
    expect(statement).toMatchObject({ ...name(keyId), version: 1, usage });
    return { keyId, publicKey: Buffer.from(statement.publicKey, "base64"), made };
  };
  const ask = async (operation: PairOperation, text: Uint8Array) => {
    const status = await bridge.controlPlane.call("status", {});
    const sealingKey = readSealingKey(status.sealingKey, bridge.publicKey);
    const operands = encodeOperands({ context: empty, text });
    const request = await edge.operationRequest(operation, operands, sealingKey);
    const { result } = await bridge.controlPlane.call("operate", {
      request: request.message,
      epoch: bridge.epoch(),
      maxUnacknowledged: 10,
    });
    const terms = readOperationResult(result, bridge.publicKey);
    expect(terms).toMatchObject({ purpose: operation.purpose, keyId: operation.keyId, version: 1 });
    return edge.open(
      terms.sealed,
      "edge-kms/operation-result/1",
      request.requestHash,
      terms.leaseId,
    );
  };
  const sign = (algorithm: SignAlgorithm, message: Uint8Array, isDigest = false) => {
    const { keyId } = pairOf(signAlgorithmRows[algorithm].usage);
    return ask({ purpose: "sign", ...name(keyId), algorithm, isDigest }, message);
  };
  const decrypt = (
    usage: AsymmetricKeyUsage,
    algorithm: Extract<PairOperation, { purpose: "asymmetric-decrypt" }>["algorithm"],
    ciphertext: Uint8Array,
  ) => ask({ purpose: "asymmetric-decrypt", ...name(pairOf(usage).keyId), algorithm }, ciphertext);
  const pairOf = (usage: AsymmetricKeyUsage) => {
    const pair = pairs.get(usage);
    if (pair === undefined) throw new Error(usage);
    return pair;
  };
  const keyOf = (usage: AsymmetricKeyUsage) =>
    createPublicKey({ key: pairOf(usage).publicKey, format: "der", type: "spki" });
  const sm2KeyOf = (usage: AsymmetricKeyUsage) =>
    pairOf(usage).publicKey.subarray(-65).toString("hex");

  beforeAll(async () => {
    bridge = await TestBridge.start(backend);
    edge = await TestEdge.make("edge-1");
    await bridge.enroll(edge);
    for (const usage of asymmetricKeyUsages) pairs.set(usage, await create(usage));
  });
  afterAll(() => bridge?.remove());

  it("answers the same key to the same call, and refuses another under its id", async () => {
    for (const usage of asymmetricKeyUsages) {
      const { keyId, publicKey } = pairOf(usage);
      expect((await create(usage, keyId)).publicKey).toEqual(publicKey);
    }
    const { keyId } = pairOf("ASYMMETRIC_DECRYPT_SM2");
    const refused = code("conflict");
    await expect(create("ASYMMETRIC_SIGN_VERIFY_SM2", keyId)).rejects.toEqual(refused);
    await expect(bridge.createKey(keyId)).rejects.toEqual(refused);
    const rotate = bridge.controlPlane.call("rotateKey", { ...name(keyId), version: 2 });
    await expect(rotate).rejects.toEqual(refused);
    expect(await bridge.leaseOutcome(edge.leaseRequest([encryptWith(keyId)]))).not.toBe("granted");
  });

  it.each(["sha256", "sha384"] as const)("signs what OpenSSL verifies: %s", async (hash) => {
    const algorithms: SignAlgorithm[] =
      hash === "sha384" ? ["ECC_P384_R1"] : ["ECC_P256_R1", "RSA_PKCS1_SHA_256", "RSA_PSS_SHA_256"];
    for (const algorithm of algorithms) {
      const key = keyOf(signAlgorithmRows[algorithm].usage);
      const options = algorithm.includes("PSS")
        ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
        : key;
      for (const length of [0, 1, 4096]) {
        const message = randomBytes(length);
        expect(verify(hash, message, options, await sign(algorithm, message))).toBe(true);
        const digest = createHash(hash).update(message).digest();
        expect(verify(hash, message, options, await sign(algorithm, digest, true))).toBe(true);
      }
    }
  });

  it("signs what another SM2 implementation verifies", async () => {
    const key = sm2KeyOf("ASYMMETRIC_SIGN_VERIFY_SM2");
    const message = randomBytes(100);
    const signature = Buffer.from(await sign("SM2DSA", message)).toString("hex");
    const options = { der: true, hash: true, publicKey: key, userId: "1234567812345678" };
    expect(sm2.doVerifySignature([...message], signature, key, options)).toBe(true);
    const e = randomBytes(32);
    const ofDigest = Buffer.from(await sign("SM2DSA", e, true)).toString("hex");
    expect(sm2.doVerifySignature([...e], ofDigest, key, { der: true, hash: false })).toBe(true);
  });

  it("signs no digest of another length than the algorithm's", async () => {
    for (const algorithm of Object.keys(signAlgorithmRows) as SignAlgorithm[]) {
      const { digestBytes } = signAlgorithmRows[algorithm];
      for (const length of [0, 1, digestBytes - 1, digestBytes + 1, 80 - digestBytes, 4096]) {
        await expect(sign(algorithm, Buffer.alloc(length, 1), true)).rejects.toEqual(
          code("bad-request"),
        );
      }
    }
  });

  it("gives up a pair right after it was made, and none that was put to use", async () => {
    const giveUp = (keyId: string) => bridge.controlPlane.call("abandonKey", name(keyId));
    const [unused, used, tried, old] = await Promise.all(
      Array.from({ length: 4 }, async () => (await create("ASYMMETRIC_DECRYPT_SM2")).keyId),
    );
    const operation = { purpose: "asymmetric-decrypt", algorithm: "SM2" } as const;
    const key = async (keyId = "") =>
      (await create("ASYMMETRIC_DECRYPT_SM2", keyId)).publicKey.subarray(-65).toString("hex");
    const ciphertext = Buffer.from(sm2.doEncrypt([1, 2, 3], await key(used), 1), "hex");
    await ask({ ...operation, ...name(used ?? "") }, Buffer.concat([Buffer.of(4), ciphertext]));
    await expect(ask({ ...operation, ...name(tried ?? "") }, empty)).rejects.toEqual(
      code("not-authentic"),
    );
    const { entries } = await bridge.operator.call("readLog", { afterSeq: 0, limit: 1000 });
    expect(entries.at(-1)).toMatchObject({
      event: "operation-failed",
      details: { edge: "edge-1", keyId: tried, purpose: "asymmetric-decrypt" },
    });
    await giveUp(unused ?? "");
    for (const keyId of [used, tried]) {
      await expect(giveUp(keyId ?? "")).rejects.toEqual(code("conflict"));
    }
    bridge.clockOffsetMs += 600_001;
    await expect(giveUp(old ?? "")).rejects.toEqual(code("conflict"));
    bridge.clockOffsetMs = 0;
    others.push(used ?? "", tried ?? "", old ?? "");
  });

  it("decrypts RSA with every padding, and answers one thing to all else", async () => {
    const usage = "ASYMMETRIC_DECRYPT_RSA_2048";
    const key = keyOf(usage);
    const paddings = {
      RSAES_PKCS1_V1_5: { padding: constants.RSA_PKCS1_PADDING },
      RSAES_OAEP_SHA_1: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
      RSAES_OAEP_SHA_256: { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
    } as const;
    for (const algorithm of Object.keys(paddings) as (keyof typeof paddings)[]) {
      const plaintext = randomBytes(64);
      const ciphertext = publicEncrypt({ key, ...paddings[algorithm] }, plaintext);
      expect(Buffer.from(await decrypt(usage, algorithm, ciphertext))).toEqual(plaintext);
      ciphertext[7] = (ciphertext[7] ?? 0) ^ 1;
      for (const bad of [ciphertext, Buffer.alloc(256), Buffer.alloc(3), Buffer.alloc(1024, 1)]) {
        await expect(decrypt(usage, algorithm, bad)).rejects.toEqual(code("not-authentic"));
      }
    }
  });

  it("decrypts SM2 from another implementation, in both encodings, and nothing altered", async () => {
    const usage = "ASYMMETRIC_DECRYPT_SM2";
    const plaintext = randomBytes(32);
    const hex = sm2.doEncrypt([...plaintext], sm2KeyOf(usage), 1);
    const raw = Buffer.from(hex, "hex");
    const [x, y, c3, c2] = [
      raw.subarray(0, 32),
      raw.subarray(32, 64),
      raw.subarray(64, 96),
      raw.subarray(96),
    ] as [Buffer, Buffer, Buffer, Buffer];
    const integer = (bytes: Buffer) => {
      const start = bytes.findIndex((byte) => byte !== 0);
      const magnitude = bytes.subarray(start);
      const padded =
        (magnitude[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), magnitude]) : magnitude;
      return Buffer.concat([Buffer.of(2, padded.length), padded]);
    };
    const octets = (bytes: Buffer) => Buffer.concat([Buffer.of(4, bytes.length), bytes]);
    const asn1 = (...of: Buffer[]) => {
      const body = Buffer.concat(of);
      const head = body.length < 128 ? [0x30, body.length] : [0x30, 0x81, body.length];
      return Buffer.concat([Buffer.of(...head), body]);
    };
    const der = asn1(integer(x), integer(y), octets(c3), octets(c2));
    const withPrefix = Buffer.concat([Buffer.of(4), raw]);
    for (const ciphertext of [der, withPrefix]) {
      expect(Buffer.from(await decrypt(usage, "SM2", ciphertext))).toEqual(plaintext);
      for (let at = 1; at < ciphertext.length; at += 9) {
        const altered = Buffer.from(ciphertext);
        altered[at] = (altered[at] ?? 0) ^ 1;
        await expect(decrypt(usage, "SM2", altered)).rejects.toEqual(code("not-authentic"));
      }
    }
    // A point of another curve, with which a private key could be asked out bit by bit.
    const offCurve = asn1(
      integer(Buffer.alloc(32, 1)),
      integer(Buffer.alloc(32, 2)),
      octets(c3),
      octets(c2),
    );
    await expect(decrypt(usage, "SM2", offCurve)).rejects.toEqual(code("not-authentic"));
  });

  it("a key does what its usage says and nothing else", async () => {
    const { keyId } = pairOf("ASYMMETRIC_SIGN_VERIFY_RSA_2048");
    const bad = code("bad-request");
    const operations: PairOperation[] = [
      { purpose: "sign", ...name(keyId), algorithm: "ECC_P256_R1", isDigest: false },
      { purpose: "asymmetric-decrypt", ...name(keyId), algorithm: "RSAES_OAEP_SHA_1" },
      { purpose: "asymmetric-decrypt", ...name(keyId), algorithm: "SM2" },
    ];
    for (const operation of operations) {
      await expect(ask(operation, Buffer.alloc(256))).rejects.toEqual(bad);
    }
    const symmetric = randomUUID();
    await bridge.createKey(symmetric);
    const operation = { purpose: "sign", ...name(symmetric), algorithm: "SM2DSA" } as const;
    await expect(ask({ ...operation, isDigest: false }, empty)).rejects.toEqual(bad);
  });

  it("keeps its pairs over a restart, and loses them for good when they are destroyed", async () => {
    await bridge.restart();
    for (const algorithm of Object.keys(signAlgorithmRows) as SignAlgorithm[]) {
      expect((await sign(algorithm, Buffer.from("again"))).length).toBeGreaterThan(60);
    }
    const all = [...others, ...asymmetricKeyUsages.map((usage) => pairOf(usage).keyId)];
    for (const keyId of all) {
      await bridge.controlPlane.call("scheduleDestruction", { ...name(keyId), notBeforeMs: 0 });
    }
    await expect(sign("SM2DSA", empty)).rejects.toEqual(code("conflict"));
    bridge.clockOffsetMs += 7 * 86_400_000 + 1;
    const { keyId } = pairOf("ASYMMETRIC_SIGN_VERIFY_SM2");
    await expect(bridge.controlPlane.call("abandonKey", name(keyId))).rejects.toEqual(
      code("conflict"),
    );
    for (const keyId of all) await bridge.controlPlane.call("destroyKey", name(keyId));
    bridge.clockOffsetMs = 0;
    await expect(sign("SM2DSA", empty)).rejects.toEqual(code("destroyed"));
    await bridge.stop();
    const store = await bridge.openStore();
    const ids = [...new Set((await store.listObjects()).map(({ id }) => id ?? ""))];
    await store.close();
    // The symmetric key of another test is left.
    expect(ids.filter((id) => id.startsWith("ek-key-version-"))).toHaveLength(1);
    const left = bridge.editRegistry((database) =>
      database.prepare("SELECT count(*) AS n FROM key_pairs WHERE wrapped IS NOT NULL").get(),
    );
    expect(left).toEqual({ n: 0 });
    await bridge.start();
  });
});
