/** Private keys that this process makes: whose memory they are in. */

import { createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { KeyStore } from "../key-store.ts";
import { decryptRsa, makePair, signSm2 } from "./wrapped-pair.ts";

describe("pairs kept wrapped", () => {
  it("an SM2 scalar stays in the memory that the store answered, and a refused one is wiped", async () => {
    const answered: Uint8Array[] = [];
    const random = async (length: number) => {
      // The first is above the order of the curve.
      const bytes = answered.length === 0 ? new Uint8Array(length).fill(0xff) : randomBytes(length);
      const own = Uint8Array.from(bytes);
      answered.push(own);
      return own;
    };
    const { privateKey } = await makePair(
      { random } as Pick<KeyStore, "random"> as KeyStore,
      "sm2-sign",
    );
    expect(answered).toHaveLength(2);
    expect(answered[0]).toEqual(new Uint8Array(32));
    expect(privateKey.buffer).toBe(answered[1]?.buffer);
    expect(signSm2(privateKey, new Uint8Array(32)).length).toBeGreaterThan(60);
    answered[1]?.fill(0);
    expect(privateKey.every((byte) => byte === 0)).toBe(true);
  });

  it("lets other work go on while primes are looked for", async () => {
    const store = {} as KeyStore;
    let turns = 0;
    let isMade = false;
    const turn = () => {
      turns += 1;
      if (!isMade) setImmediate(turn);
    };
    setImmediate(turn);
    const pair = await makePair(store, "rsa-2048-decrypt");
    isMade = true;
    expect(turns).toBeGreaterThan(1);
    const key = createPublicKey({ key: pair.publicKey, format: "der", type: "spki" });
    const sealed = publicEncrypt({ key, oaepHash: "sha256" }, Buffer.from("text"));
    expect(decryptRsa(pair.privateKey, "oaep-sha256", sealed).toString()).toBe("text");
  });
});
