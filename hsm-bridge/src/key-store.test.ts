/** One suite, every store. */

import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  verify,
} from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyStore } from "./key-store.ts";
import { decodeCopies } from "./replicas/sealed-copies.ts";
import { allStoreBackends, type PreparedStore } from "./testing/stores.ts";

const aad = Buffer.from("account 1, key 2");
const code = (value: string) => expect.objectContaining({ code: value });

describe.each(allStoreBackends)("key store: $name", (backend) => {
  let prepared: PreparedStore;
  let store: KeyStore;
  // Its sealed bytes are a list of what the others answer (replicas/).
  const isReplicated = backend.name === "two tokens";

  beforeAll(async () => {
    prepared = await backend.prepare();
    store = await prepared.open();
    await store.generateAesKey("k1");
    await store.generateAesKey("k2");
  });
  afterAll(async () => {
    await store?.close();
    await prepared?.remove();
  });

  it("proves itself with known answers", async () => {
    const report = await store.selfTest();
    const label = store.isReplicated ? "first: " : "";
    expect(report[`${label}aesGcm`]).toBe("known answer verified");
    expect(report[`${label}wrongTag`]).toBe("refused");
    expect(store.kind).toBe(backend.kind);
  });

  it.each([1, 16, 32, 33, 4096])("opens what it sealed: %i bytes", async (length) => {
    const plaintext = randomBytes(length);
    const sealed = await store.aesGcmEncrypt("k1", plaintext, aad);
    if (!store.isReplicated) expect(sealed.length).toBe(12 + length + 16);
    expect(Buffer.from(await store.aesGcmDecrypt("k1", sealed, aad))).toEqual(plaintext);
  });

  it.skipIf(isReplicated)("never repeats a nonce", async () => {
    const sealed = await Promise.all(
      Array.from({ length: 200 }, () => store.aesGcmEncrypt("k1", Buffer.alloc(1), aad)),
    );
    expect(
      new Set(sealed.map((one) => Buffer.from(one.subarray(0, 12)).toString("hex"))).size,
    ).toBe(200);
  });

  it.skipIf(isReplicated)(
    "refuses every single-bit change, other data, other keys and other lengths alike",
    async () => {
      const sealed = await store.aesGcmEncrypt("k1", Buffer.alloc(4, 7), aad);
      const attempts: Promise<unknown>[] = [];
      for (let bit = 0; bit < sealed.length * 8; bit += 3) {
        const changed = Uint8Array.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        attempts.push(store.aesGcmDecrypt("k1", changed, aad));
      }
      attempts.push(store.aesGcmDecrypt("k1", sealed, Buffer.from("account 1, key 3")));
      attempts.push(store.aesGcmDecrypt("k1", sealed, Buffer.alloc(0)));
      attempts.push(store.aesGcmDecrypt("k2", sealed, aad));
      for (const length of [0, 1, 12, 28, sealed.length - 1]) {
        attempts.push(store.aesGcmDecrypt("k1", sealed.subarray(0, length), aad));
      }
      for (const result of await Promise.allSettled(attempts)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "corrupt" } });
      }
      // Failed operations leave nothing behind that would break the next one.
      expect(await store.aesGcmDecrypt("k1", sealed, aad)).toHaveLength(4);
    },
  );

  it("answers the caller a buffer of its own and leaves inputs as they are", async () => {
    const plaintext = Buffer.from("plaintext of the caller");
    const sealed = await store.aesGcmEncrypt("k1", plaintext, aad);
    const opened = await store.aesGcmDecrypt("k1", sealed, aad);
    expect(opened.byteOffset).toBe(0);
    expect(opened.buffer.byteLength).toBe(opened.length);
    expect(plaintext.toString()).toBe("plaintext of the caller");
  });

  it("knows no other key than those it made", async () => {
    await expect(store.aesGcmEncrypt("k9", Buffer.alloc(1), aad)).rejects.toEqual(
      code("not-found"),
    );
    await expect(store.aesGcmDecrypt("k9", Buffer.alloc(40), aad)).rejects.toEqual(
      code("not-found"),
    );
  });

  it("refuses an id in use, and ids and lengths that are none", async () => {
    await expect(store.generateAesKey("k1")).rejects.toEqual(code("conflict"));
    await expect(store.generateAesKey("K 1")).rejects.toThrow(RangeError);
    await expect(store.aesGcmEncrypt("k1", Buffer.alloc(0), aad)).rejects.toThrow(RangeError);
    await expect(store.aesGcmEncrypt("k1", Buffer.alloc(4097), aad)).rejects.toThrow(RangeError);
    await expect(store.random(0)).rejects.toThrow(RangeError);
    await expect(store.random(1025)).rejects.toThrow(RangeError);
  });

  it("gives random bytes of the length asked for", async () => {
    const [a, b] = await Promise.all([store.random(32), store.random(1024)]);
    expect(a).toHaveLength(32);
    expect(b).toHaveLength(1024);
    expect(new Set(b).size).toBeGreaterThan(200);
  });

  it("lists its objects, and destroys for good", async () => {
    await store.generateAesKey("doomed");
    const sealed = await store.aesGcmEncrypt("doomed", Buffer.alloc(8), aad);
    expect((await store.listObjects()).map(({ id }) => id)).toContain("doomed");
    expect(await store.destroyKey("doomed")).toBe(true);
    expect(await store.destroyKey("doomed")).toBe(false);
    await expect(store.aesGcmDecrypt("doomed", sealed, aad)).rejects.toEqual(code("not-found"));
    expect((await store.listObjects()).map(({ id }) => id)).not.toContain("doomed");
  });

  it("works for many callers at once without a wrong answer", async () => {
    await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const plaintext = Buffer.from(`message ${i}`);
        const id = i % 2 === 0 ? "k1" : "k2";
        const opened = await store.aesGcmDecrypt(
          id,
          await store.aesGcmEncrypt(id, plaintext, aad),
          aad,
        );
        expect(Buffer.from(opened)).toEqual(plaintext);
      }),
    );
  });

  it.each([16, 32])("takes in a key of %i bytes, which then is like its own", async (length) => {
    const id = `imported-${length}`;
    const key = randomBytes(length);
    await store.importAesKey(id, key);
    const sealed = await store.aesGcmEncrypt(id, Buffer.from("wrapped"), aad);
    for (const wrapping of decodeCopies(sealed)?.values() ?? [sealed]) {
      const algorithm = length === 16 ? "aes-128-gcm" : "aes-256-gcm";
      const decipher = createDecipheriv(algorithm, key, wrapping.subarray(0, 12));
      decipher.setAAD(aad).setAuthTag(wrapping.subarray(-16));
      expect(decipher.update(wrapping.subarray(12, -16)).toString()).toBe("wrapped");
      decipher.final();
    }
    expect(Buffer.from(await store.aesGcmDecrypt(id, sealed, aad)).toString()).toBe("wrapped");
    await expect(store.importAesKey(id, key)).rejects.toEqual(code("conflict"));
    await expect(store.importAesKey("other", key.subarray(1))).rejects.toThrow(RangeError);
    expect(await store.destroyKey(id)).toBe(true);
    await expect(store.aesGcmDecrypt(id, sealed, aad)).rejects.toEqual(code("not-found"));
    await store.importAesKey(id, key);
    expect(Buffer.from(await store.aesGcmDecrypt(id, sealed, aad)).toString()).toBe("wrapped");
  });

  it("has its keys after it was closed and opened again, and refuses while closed", async () => {
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("kept"), aad);
    await store.close();
    await expect(store.aesGcmDecrypt("k1", sealed, aad)).rejects.toEqual(code("hsm-unavailable"));
    store = await prepared.open();
    expect(Buffer.from(await store.aesGcmDecrypt("k1", sealed, aad)).toString()).toBe("kept");
  });
});

const withPairs = allStoreBackends.filter(({ kind }) => kind === "pkcs11");

describe.each(withPairs)("pairs of the key store: $name", (backend) => {
  let prepared: PreparedStore;
  let store: KeyStore;
  beforeAll(async () => {
    prepared = await backend.prepare();
    store = await prepared.open();
  });
  afterAll(async () => {
    await store?.close();
    await prepared?.remove();
  });
  const publicKeyOf = (spki: Uint8Array) =>
    createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });

  it("decrypts with every padding, and refuses what is no ciphertext alike", async () => {
    const key = publicKeyOf(await store.generatePair("rsa-d", "rsa-2048-decrypt"));
    const paddings = [
      ["pkcs1", { padding: constants.RSA_PKCS1_PADDING }],
      ["oaep-sha1", { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" }],
      ["oaep-sha256", { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }],
    ] as const;
    for (const [padding, options] of paddings) {
      for (const length of [1, 32, 190]) {
        const plaintext = randomBytes(length);
        const ciphertext = publicEncrypt({ key, ...options }, plaintext);
        const opened = await store.rsaDecrypt("rsa-d", padding, ciphertext);
        expect(Buffer.from(opened)).toEqual(plaintext);
      }
      const ciphertext = publicEncrypt({ key, ...options }, randomBytes(32));
      const altered = Buffer.from(ciphertext);
      altered[100] = (altered[100] ?? 0) ^ 1;
      const others = paddings.filter(([name]) => name !== padding);
      const attempts = [
        store.rsaDecrypt("rsa-d", padding, altered),
        store.rsaDecrypt("rsa-d", padding, Buffer.alloc(256)),
        store.rsaDecrypt("rsa-d", padding, Buffer.alloc(256, 0xff)),
        store.rsaDecrypt("rsa-d", padding, ciphertext.subarray(1)),
        store.rsaDecrypt("rsa-d", padding, Buffer.alloc(257, 1)),
        store.rsaDecrypt("rsa-d", padding, Buffer.alloc(1024, 1)),
        ...others.map(([name]) => store.rsaDecrypt("rsa-d", name, ciphertext)),
      ];
      for (const result of await Promise.allSettled(attempts)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "corrupt" } });
      }
      // Failed operations leave nothing behind that would break the next one.
      expect(await store.rsaDecrypt("rsa-d", padding, ciphertext)).toHaveLength(32);
    }
    await expect(store.rsaDecrypt("none", "pkcs1", Buffer.alloc(256))).rejects.toEqual(
      code("not-found"),
    );
  });

  it("signs what OpenSSL verifies", async () => {
    const message = randomBytes(100);
    const digest = createHash("sha256").update(message).digest();
    const rsa = publicKeyOf(await store.generatePair("rsa-s", "rsa-2048-sign"));
    const pkcs1 = await store.sign("rsa-s", "rsa-pkcs1-sha256", digest);
    expect(verify("sha256", message, rsa, pkcs1)).toBe(true);
    const pss = await store.sign("rsa-s", "rsa-pss-sha256", digest);
    const options = { key: rsa, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    expect(verify("sha256", message, options, pss)).toBe(true);
    for (const [kind, hash, bytes] of [
      ["p-256-sign", "sha256", 64],
      ["p-384-sign", "sha384", 96],
    ] as const) {
      const key = publicKeyOf(await store.generatePair(kind, kind));
      const signature = await store.sign(kind, "ecdsa", createHash(hash).update(message).digest());
      expect(signature).toHaveLength(bytes);
      expect(verify(hash, message, { key, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
    }
  });

  it("a key for one thing does no other, and ids are shared with secret keys", async () => {
    await store.generatePair("one", "rsa-2048-decrypt");
    await expect(store.sign("one", "rsa-pkcs1-sha256", Buffer.alloc(32))).rejects.toThrow();
    await expect(store.generateAesKey("one")).rejects.toEqual(code("conflict"));
    await expect(store.generatePair("one", "p-256-sign")).rejects.toEqual(code("conflict"));
    await expect(store.aesGcmEncrypt("one", Buffer.alloc(1), aad)).rejects.toEqual(
      code("not-found"),
    );
  });

  it("has its pairs after it was closed and opened again, lists and destroys them", async () => {
    await store.generatePair("kept", "p-256-sign");
    await store.close();
    store = await prepared.open();
    expect(await store.sign("kept", "ecdsa", Buffer.alloc(32, 1))).toHaveLength(64);
    expect((await store.listObjects()).map(({ id }) => id)).toContain("kept");
    expect(await store.destroyKey("kept")).toBe(true);
    expect(await store.destroyKey("kept")).toBe(false);
    await expect(store.sign("kept", "ecdsa", Buffer.alloc(32))).rejects.toEqual(code("not-found"));
  });
});
