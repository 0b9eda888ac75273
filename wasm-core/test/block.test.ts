import { describe, expect, test } from "vitest";
import { BUILDS, coreOf, hex, toHex, vectors } from "./support/builds.ts";

interface BlockVector {
  source: string;
  key: string;
  plaintext: string;
  ciphertext: string;
}

interface ModeVector extends BlockVector {
  mode: "ECB" | "CBC" | "CTR";
  iv?: string;
}

const sm4 = vectors<BlockVector & { iterations: number; iterated: string }>("sm4-block");

describe.each(BUILDS)("block ciphers, %s build", (build) => {
  const core = coreOf(build);

  test.each(vectors<BlockVector[]>("aes-block"))("AES: $source", (vector) => {
    const key = core.blockKey("AES", hex(vector.key));
    expect(toHex(key.encryptBlocks(hex(vector.plaintext)))).toBe(vector.ciphertext);
    expect(toHex(key.decryptBlocks(hex(vector.ciphertext)))).toBe(vector.plaintext);
    key.release();
  });

  test.each(vectors<ModeVector[]>("aes-modes"))("AES: $source", (vector) => {
    const key = core.blockKey("AES", hex(vector.key));
    const plaintext = hex(vector.plaintext);
    const ciphertext = hex(vector.ciphertext);
    if (vector.mode === "ECB") {
      expect(key.encryptBlocks(plaintext)).toEqual(ciphertext);
      expect(key.decryptBlocks(ciphertext)).toEqual(plaintext);
    } else if (vector.mode === "CBC") {
      expect(key.cbcEncrypt(hex(vector.iv ?? ""), plaintext)).toEqual(ciphertext);
      expect(key.cbcDecrypt(hex(vector.iv ?? ""), ciphertext)).toEqual(plaintext);
    } else {
      expect(key.ctr(hex(vector.iv ?? ""), plaintext)).toEqual(ciphertext);
      expect(key.ctr(hex(vector.iv ?? ""), ciphertext)).toEqual(plaintext);
    }
    key.release();
  });

  test(`SM4: ${sm4.source}, both examples`, () => {
    const key = core.blockKey("SM4", hex(sm4.key));
    let block = key.encryptBlocks(hex(sm4.plaintext));
    expect(toHex(block)).toBe(sm4.ciphertext);
    expect(toHex(key.decryptBlocks(block))).toBe(sm4.plaintext);
    for (let n = 1; n < sm4.iterations; n++) block = key.encryptBlocks(block);
    expect(toHex(block)).toBe(sm4.iterated);
    key.release();
  });

  test.each(vectors<{ source: string; key: string; message: string; mac: string }[]>("cmac"))(
    "CMAC-AES: $source",
    (vector) => {
      const key = core.blockKey("AES", hex(vector.key));
      expect(toHex(key.cmac(hex(vector.message)))).toBe(vector.mac);
      key.release();
    },
  );
});
