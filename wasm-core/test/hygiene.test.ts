import { type Core, CoreError } from "@edge-kms/wasm-core";
import { describe, expect, test } from "vitest";
import { BUILDS, coreOf, EMPTY } from "./support/builds.ts";
import { Random } from "./support/random.ts";

/** All of the module's memory, reached through the workspace that shares it. */
function memoryOf(core: Core): Buffer {
  return Buffer.from(core.workspace.buffer);
}

describe.each(BUILDS)("memory hygiene, %s build", (build) => {
  // Two cores, the second one never used: whatever differs was left behind by use.
  function used(use: (core: Core) => void): { before: Buffer; after: Buffer } {
    const fresh = coreOf(build, { workspaceBytes: 16 });
    const core = coreOf(build, { workspaceBytes: 16 });
    use(core);
    return { before: Buffer.from(memoryOf(fresh)), after: memoryOf(core) };
  }

  /** Counts of bytes that differ, outside of what is public: see the filter at each use. */
  function leftovers(before: Buffer, after: Buffer, known: readonly Uint8Array[]): string[] {
    const spans: string[] = [];
    let start = -1;
    for (let at = 0; at <= after.length; at++) {
      const differs = at < after.length && before[at] !== after[at];
      if (differs && start < 0) start = at;
      if (
        !differs &&
        start >= 0 &&
        before.subarray(at, at + 8).equals(after.subarray(at, at + 8))
      ) {
        const span = after.subarray(start, at);
        if (!known.some((bytes) => Buffer.from(bytes).includes(span))) {
          spans.push(`${start}: ${span.toString("hex")}`);
        }
        start = -1;
      }
    }
    return spans;
  }

  test.each([1, 2] as const)("suite %i leaves only ciphertext, tag and nonce", (suite) => {
    const random = new Random("hygiene");
    const known: Uint8Array[] = [];
    const { before, after } = used((core) => {
      const key = core.suiteKey(suite, random.bytes(suite === 1 ? 32 : 16));
      for (const length of [32, 3000, 100_000]) {
        const nonce = random.bytes(24);
        const aad = random.bytes(50);
        const sealed = key.encrypt(nonce, aad, random.bytes(length));
        key.decrypt(nonce, aad, sealed.commitment, sealed.ciphertext);
        known.push(nonce, aad, sealed.commitment, sealed.ciphertext);
        key.decrypt(nonce, aad, sealed.commitment, random.bytes(0));
      }
      key.release();
    });
    expect(leftovers(before, after, known)).toEqual([]);
  });

  test("GCM and block keys, streams, hashes and HMAC leave only what is public", () => {
    const random = new Random("hygiene 2");
    const known: Uint8Array[] = [];
    const { before, after } = used((core) => {
      for (const cipher of ["AES", "SM4"] as const) {
        const gcm = core.gcmKey(cipher, random.bytes(16));
        const nonce = random.bytes(12);
        const stream = gcm.encryptStream(nonce, EMPTY);
        known.push(nonce, stream.update(random.bytes(1001)), stream.final());
        const sealed = gcm.encrypt(nonce, EMPTY, random.bytes(2000));
        gcm.decrypt(nonce, EMPTY, sealed);
        known.push(sealed);
        gcm.release();
        const block = core.blockKey(cipher, random.bytes(16));
        block.encryptBlocks(random.bytes(160));
        block.decryptBlocks(random.bytes(160));
        block.cbcDecrypt(random.bytes(16), random.bytes(160));
        block.cbcEncrypt(random.bytes(16), random.bytes(160));
        block.ctr(random.bytes(16), random.bytes(161));
        block.cmac(random.bytes(33));
        block.release();
      }
      for (const hash of ["SHA-256", "SM3"] as const) {
        const key = core.hmacKey(random.bytes(100), hash);
        key.verify(random.bytes(1000), key.sign(random.bytes(1000)));
        key.release();
        core.sha256(random.bytes(100_000));
        core.sm3(random.bytes(55));
      }
      core.timingSafeEqual(random.bytes(100), random.bytes(100));
      core.hkdfSha256(random.bytes(32), random.bytes(3), random.bytes(3), 100);
    });
    const spans = leftovers(before, after, known);
    expect(spans).toEqual([]);
  });
});

describe.each(BUILDS)("misuse, %s build", (build) => {
  const limits = { suiteKeys: 2, gcmKeys: 2, hmacKeys: 2, blockKeys: 2, streams: 2 };
  const nonce = new Uint8Array(24);

  test("handles are bounded in number and come back when released", () => {
    const core = coreOf(build, limits);
    const exhausted = expect.objectContaining({ code: "HandlesExhausted" });
    const open = [
      () => core.suiteKey(1, new Uint8Array(32)),
      () => core.gcmKey("AES", new Uint8Array(16)),
      () => core.blockKey("SM4", new Uint8Array(16)),
      () => core.hmacKey(new Uint8Array(16)),
    ];
    for (const take of open) {
      const first = take();
      take();
      expect(take).toThrow(exhausted);
      first.release();
      first.release();
      take();
      expect(take).toThrow(exhausted);
    }
  });

  test("a released handle answers with a typed error and the core goes on", () => {
    const core = coreOf(build, limits);
    const key = core.suiteKey(1, new Uint8Array(32));
    const sealed = key.encrypt(nonce, EMPTY, EMPTY);
    key.release();
    key.release();
    const released = expect.objectContaining({ code: "HandleReleased" });
    expect(() => key.encrypt(nonce, EMPTY, EMPTY)).toThrow(released);
    expect(() => key.decrypt(nonce, EMPTY, sealed.commitment, sealed.ciphertext)).toThrow(released);
    const again = core.suiteKey(1, new Uint8Array(32));
    expect(again.encrypt(nonce, EMPTY, EMPTY)).toEqual(sealed);
  });

  test("wrong lengths and types are refused by name and size", () => {
    const core = coreOf(build, limits);
    expect(() => core.suiteKey(1, new Uint8Array(16))).toThrow("key: expected 32 bytes, got 16");
    expect(() => core.suiteKey(2, new Uint8Array(32))).toThrow(RangeError);
    expect(() => core.suiteKey(3 as 1, new Uint8Array(32))).toThrow(RangeError);
    expect(() => core.gcmKey("AES", new Uint8Array(17))).toThrow(RangeError);
    expect(() => core.gcmKey("DES" as "AES", new Uint8Array(16))).toThrow(RangeError);
    const key = core.suiteKey(1, new Uint8Array(32));
    expect(() => key.encrypt(new Uint8Array(12), EMPTY, EMPTY)).toThrow(RangeError);
    expect(() => key.encrypt(nonce, "aad" as unknown as Uint8Array, EMPTY)).toThrow(TypeError);
    expect(() => key.decrypt(nonce, EMPTY, new Uint8Array(31), EMPTY)).toThrow(RangeError);
    const shared = new Uint8Array(new SharedArrayBuffer(100_000)) as Uint8Array;
    expect(() => key.decrypt(nonce, EMPTY, new Uint8Array(32), shared)).toThrow("shared");
    const gcm = core.gcmKey("AES", new Uint8Array(32));
    expect(() => gcm.encrypt(EMPTY, EMPTY, EMPTY)).toThrow(RangeError);
    expect(() => gcm.encrypt(new Uint8Array(1025), EMPTY, EMPTY)).toThrow(RangeError);
    const block = core.blockKey("AES", new Uint8Array(16));
    expect(() => block.encryptBlocks(new Uint8Array(17))).toThrow(RangeError);
  });

  test("input and output may start together but not otherwise overlap", () => {
    const core = coreOf(build, limits);
    const key = core.suiteKey(1, new Uint8Array(32));
    const memory = new Uint8Array(200);
    const commitment = new Uint8Array(32);
    const text = memory.subarray(20, 40);
    for (const start of [0, 10, 19, 21, 39]) {
      expect(() =>
        key.encryptInto(nonce, EMPTY, text, memory.subarray(start, start + 36), commitment),
      ).toThrow(expect.objectContaining({ code: "BuffersOverlap" }));
    }
    for (const start of [20, 40]) {
      key.encryptInto(nonce, EMPTY, text, memory.subarray(start, start + 36), commitment);
    }
    expect(new CoreError("BuffersOverlap", "")).toBeInstanceOf(Error);
  });
});
