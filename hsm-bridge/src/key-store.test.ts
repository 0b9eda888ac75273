/** One suite, every store. */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyStore } from "./key-store.ts";
import { type PreparedStore, storeBackends } from "./testing/stores.ts";

const aad = Buffer.from("account 1, key 2");
const code = (value: string) => expect.objectContaining({ code: value });

describe.each(storeBackends)("key store: $name", (backend) => {
  let prepared: PreparedStore;
  let store: KeyStore;

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
    expect(report).toMatchObject({ aesGcm: "known answer verified", wrongTag: "refused" });
    expect(store.kind).toBe(backend.name);
  });

  it.each([1, 16, 32, 33, 4096])("opens what it sealed: %i bytes", async (length) => {
    const plaintext = randomBytes(length);
    const sealed = await store.aesGcmEncrypt("k1", plaintext, aad);
    expect(sealed.length).toBe(12 + length + 16);
    expect(Buffer.from(await store.aesGcmDecrypt("k1", sealed, aad))).toEqual(plaintext);
  });

  it("never repeats a nonce", async () => {
    const sealed = await Promise.all(
      Array.from({ length: 200 }, () => store.aesGcmEncrypt("k1", Buffer.alloc(1), aad)),
    );
    expect(
      new Set(sealed.map((one) => Buffer.from(one.subarray(0, 12)).toString("hex"))).size,
    ).toBe(200);
  });

  it("refuses every single-bit change, other data, other keys and other lengths alike", async () => {
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
  });

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

  it("has its keys after it was closed and opened again, and refuses while closed", async () => {
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("kept"), aad);
    await store.close();
    await expect(store.aesGcmDecrypt("k1", sealed, aad)).rejects.toEqual(code("hsm-unavailable"));
    store = await prepared.open();
    expect(Buffer.from(await store.aesGcmDecrypt("k1", sealed, aad)).toString()).toBe("kept");
  });
});
