import { type Cipher, CoreError } from "@edge-kms/wasm-core";
import { describe, expect, test } from "vitest";
import { BUILDS, coreOf, EMPTY, hex, toHex, vectors } from "./support/builds.ts";

interface GcmVector {
  source: string;
  cipher: Cipher;
  key: string;
  nonce: string;
  aad: string;
  plaintext: string;
  ciphertext: string;
  tag: string;
}

describe.each(BUILDS)("GCM, %s build", (build) => {
  const core = coreOf(build);

  test.each(vectors<GcmVector[]>("gcm"))("$source", (vector) => {
    const key = core.gcmKey(vector.cipher, hex(vector.key));
    const [nonce, aad, plaintext] = [hex(vector.nonce), hex(vector.aad), hex(vector.plaintext)];
    const sealed = key.encrypt(nonce, aad, plaintext);
    expect(toHex(sealed)).toBe(vector.ciphertext + vector.tag);
    expect(key.decrypt(nonce, aad, sealed)).toEqual(plaintext);
    for (const part of [1, 3, 15, 16, 17]) {
      const stream = key.encryptStream(nonce, aad);
      let streamed = "";
      for (let at = 0; at < plaintext.length; at += part) {
        streamed += toHex(stream.update(plaintext.subarray(at, at + part)));
      }
      expect(streamed + toHex(stream.final())).toBe(vector.ciphertext + vector.tag);
      const back = key.decryptStream(nonce, aad);
      for (let at = 0; at < plaintext.length; at += part) {
        back.update(sealed.subarray(at, Math.min(at + part, plaintext.length)));
      }
      expect(back.final(hex(vector.tag))).toEqual(plaintext);
    }
    key.release();
  });

  test.each(["AES", "SM4"] as const)("refuses every shortened tag (%s)", (cipher) => {
    const key = core.gcmKey(cipher, new Uint8Array(16).fill(7));
    const nonce = new Uint8Array(12);
    const sealed = key.encrypt(nonce, EMPTY, new Uint8Array(20));
    for (let length = 0; length < sealed.length; length++) {
      expect(key.decrypt(nonce, EMPTY, sealed.subarray(0, length))).toBeNull();
    }
    const stream = key.decryptStream(nonce, EMPTY);
    stream.update(sealed.subarray(0, 20));
    expect(stream.final(sealed.subarray(20, 35))).toBeNull();
    key.release();
  });

  test("a stream ends once, and not after its key", () => {
    const key = core.gcmKey("AES", new Uint8Array(32));
    const stream = key.encryptStream(new Uint8Array(12), EMPTY);
    stream.final();
    expect(() => stream.update(EMPTY)).toThrow(CoreError);
    expect(() => stream.final()).toThrow(expect.objectContaining({ code: "StreamEnded" }));
    const orphan = key.encryptStream(new Uint8Array(12), EMPTY);
    key.release();
    expect(() => orphan.update(EMPTY)).toThrow(expect.objectContaining({ code: "HandleReleased" }));
  });
});
