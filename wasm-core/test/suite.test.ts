import { createHash } from "node:crypto";
import type { Core, Suite } from "@edge-kms/wasm-core";
import { describe, expect, test } from "vitest";
import { ascii, BUILDS, coreOf, EMPTY, hex, toHex, vectors } from "./support/builds.ts";

interface SuiteVector {
  source: string;
  key: string;
  nonce: string;
  aad: string;
  plaintext: string;
  ciphertext: string;
  commitment: string;
}

/** The construction of assembly/suite.ts, step by step from CMAC and GCM. */
function compose(
  core: Core,
  suite: Suite,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): { commitment: string; ciphertext: string } {
  const cipher = suite === 1 ? "AES" : "SM4";
  const block = core.blockKey(cipher, key);
  const prf = (...parts: (Uint8Array | number[])[]) =>
    block.cmac(Buffer.concat(parts.map(Buffer.from)));
  const derive = (n: number) => prf([0, n, 0x58, 0], nonce.subarray(0, 12));
  const messageKey = suite === 1 ? Buffer.concat([derive(1), derive(2)]) : derive(1);
  const commit = (n: number) => prf(ascii("XCMT"), nonce, [0, 1, 0, n]);
  const gcm = core.gcmKey(cipher, messageKey);
  const ciphertext = gcm.encrypt(nonce.subarray(12), aad, plaintext);
  gcm.release();
  const commitment = Buffer.concat([commit(1), commit(2)]);
  block.release();
  return { commitment: toHex(commitment), ciphertext: toHex(ciphertext) };
}

describe.each(BUILDS)("suites, %s build", (build) => {
  const core = coreOf(build);
  const keyOf = (suite: Suite) => new Uint8Array(suite === 1 ? 32 : 16).fill(9);
  const nonce = new Uint8Array(24).map((_, n) => n);

  test.each(vectors<SuiteVector[]>("suite-1"))("suite 1: $source", (vector) => {
    const key = core.suiteKey(1, hex(vector.key));
    const sealed = key.encrypt(hex(vector.nonce), hex(vector.aad), hex(vector.plaintext));
    expect(toHex(sealed.ciphertext)).toBe(vector.ciphertext);
    expect(toHex(sealed.commitment)).toBe(vector.commitment);
    key.release();
  });

  test("suite 1: C2SP accumulated hash over 10,000 random messages", () => {
    const stream = createHash("shake128", { outputLength: 8_000_000 }).digest();
    let at = 0;
    const take = (length: number) => {
      at += length;
      return stream.subarray(at - length, at);
    };
    const accumulated = createHash("shake128", { outputLength: 32 });
    for (let n = 0; n < 10_000; n++) {
      const key = core.suiteKey(1, take(32));
      const messageNonce = take(24);
      const plaintext = take(take(1)[0] ?? 0);
      const aad = take(take(1)[0] ?? 0);
      const { ciphertext, commitment } = key.encrypt(messageNonce, aad, plaintext);
      const opened = key.decrypt(messageNonce, aad, commitment, ciphertext);
      if (opened === null || !plaintext.equals(opened)) throw new Error(`message ${n} is lost`);
      accumulated.update(ciphertext);
      key.release();
    }
    expect(accumulated.digest("hex")).toBe(
      "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939",
    );
  });

  test.each([1, 2] as const)("suite %i is composed as the design says", (suite) => {
    const key = core.suiteKey(suite, keyOf(suite));
    for (const length of [0, 1, 16, 33, 1000, 3000]) {
      const plaintext = new Uint8Array(length).fill(length);
      const sealed = key.encrypt(nonce, ascii("aad"), plaintext);
      const composed = compose(core, suite, keyOf(suite), nonce, ascii("aad"), plaintext);
      expect(toHex(sealed.ciphertext)).toBe(composed.ciphertext);
      expect(toHex(sealed.commitment)).toBe(composed.commitment);
    }
    key.release();
  });

  test.each([1, 2] as const)("suite %i refuses every single-bit change", (suite) => {
    const key = core.suiteKey(suite, keyOf(suite));
    const aad = ascii("context");
    const { commitment, ciphertext } = key.encrypt(nonce, aad, ascii("short message"));
    const parts = [nonce.slice(), aad, commitment, ciphertext] as const;
    for (const part of parts) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(key.decrypt(parts[0], aad, commitment, ciphertext)).toBeNull();
        part[bit >> 3] = (part[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      }
    }
    expect(key.decrypt(parts[0], aad, commitment, ciphertext)).toEqual(ascii("short message"));
    key.release();
  });

  test.each([1, 2] as const)("suite %i opens what it sealed at any length", (suite) => {
    const key = core.suiteKey(suite, keyOf(suite));
    for (const length of [0, 1, 15, 16, 17, 4096, 65_535, 65_536, 65_537, 200_000]) {
      for (const aadLength of [0, 100, 70_000]) {
        const plaintext = new Uint8Array(length).map((_, n) => n * 7);
        const aad = new Uint8Array(aadLength).fill(3);
        const { commitment, ciphertext } = key.encrypt(nonce, aad, plaintext);
        const opened = key.decrypt(nonce, aad, commitment, ciphertext);
        expect(Buffer.compare(opened ?? ascii("refused"), plaintext)).toBe(0);
        ciphertext[length] = (ciphertext[length] ?? 0) ^ 1;
        expect(key.decrypt(nonce, aad, commitment, ciphertext)).toBeNull();
      }
    }
    key.release();
  });

  test("a refused message writes nothing to the caller's buffer", () => {
    const key = core.suiteKey(1, keyOf(1));
    for (const length of [20, 100_000]) {
      const { commitment, ciphertext } = key.encrypt(nonce, EMPTY, new Uint8Array(length).fill(1));
      ciphertext[0] = (ciphertext[0] ?? 0) ^ 1;
      const out = new Uint8Array(length);
      expect(key.decryptInto(nonce, EMPTY, commitment, ciphertext, out)).toBe(false);
      expect(out.every((byte) => byte === 0)).toBe(true);
    }
    key.release();
  });

  test("encrypts and decrypts in place, in the caller's memory and in the workspace", () => {
    const placed = coreOf(build, { workspaceBytes: 300_000 });
    const key = placed.suiteKey(2, keyOf(2));
    for (const memory of [new Uint8Array(300_000), placed.workspace]) {
      for (const length of [0, 5, 1000, 70_000, 200_000]) {
        const plaintext = new Uint8Array(length).fill(0x5a);
        const expected = key.encrypt(nonce, EMPTY, plaintext);
        const commitment = new Uint8Array(32);
        memory.set(plaintext, 64);
        const text = memory.subarray(64, 64 + length);
        const sealed = memory.subarray(64, 64 + length + 16);
        key.encryptInto(nonce, EMPTY, text, sealed, commitment);
        expect(Buffer.compare(sealed, expected.ciphertext)).toBe(0);
        expect(commitment).toEqual(expected.commitment);
        expect(key.decryptInto(nonce, EMPTY, commitment, sealed, text)).toBe(true);
        expect(Buffer.compare(text, plaintext)).toBe(0);
        expect(placed.sha256(text)).toEqual(core.sha256(plaintext));
      }
    }
  });
});
