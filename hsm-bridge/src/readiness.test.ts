/** What readiness costs the store, and what it says. */

import { describe, expect, it } from "vitest";
import { BridgeError } from "./errors.ts";
import { type KeyStore, proveBy, type TokenState } from "./key-store.ts";
import { Readiness } from "./readiness.ts";

/** A store that opens what it sealed, or does what `encrypt` says. */
function storeOf(
  encrypt: (plaintext: Uint8Array) => Promise<Uint8Array>,
  tokens: TokenState[] = [],
) {
  const calls = { encrypt: 0, decrypt: 0 };
  const store: KeyStore = {
    tokens,
    aesGcmEncrypt: (_id: string, plaintext: Uint8Array) => {
      calls.encrypt += 1;
      return encrypt(plaintext);
    },
    aesGcmDecrypt: async (_id: string, sealed: Uint8Array) => {
      calls.decrypt += 1;
      return sealed;
    },
    prove: (id: string) => proveBy(store, id),
  } as unknown as KeyStore;
  return { store, calls };
}

describe("readiness", () => {
  it("wraps and unwraps once for all who ask within a second, and again after it", async () => {
    const { store, calls } = storeOf(async (plaintext) => plaintext);
    const readiness = new Readiness(store, "probe");
    await Promise.all(Array.from({ length: 20 }, () => readiness.check()));
    await readiness.check();
    expect(calls).toEqual({ encrypt: 1, decrypt: 1 });
    await expect
      .poll(async () => [await readiness.check(), calls.encrypt][1], { timeout: 5_000 })
      .toBe(2);
  });

  it("is not ready when what was wrapped does not come back, or nothing does in time", async () => {
    const wrong = new Readiness(storeOf(async () => new Uint8Array(32)).store, "probe");
    await expect(wrong.check()).rejects.toMatchObject({ code: "hsm-unavailable" });
    const { store, calls } = storeOf(() => new Promise(() => {}));
    const hung = new Readiness(store, "probe", 10);
    const all = await Promise.allSettled([hung.check(), hung.check(), hung.check()]);
    for (const { status } of all) expect(status).toBe("rejected");
    await expect(hung.check()).rejects.toThrow(/did not answer within/);
    expect(calls.encrypt).toBe(1);
  });

  it("names the token that is out of service, since when and why", async () => {
    const reason = "The process ended.";
    const token = { label: "t1", state: "open", sinceMs: 0, reason, lacks: 0 } as const;
    const failing = storeOf(async () => {
      throw new BridgeError("hsm-unavailable", "The token is out of service.");
    }, [token]);
    await expect(new Readiness(failing.store, "probe").check()).rejects.toMatchObject({
      code: "hsm-unavailable",
      message: /"t1" is out of service since 1970-01-01T00:00:00.000Z: The process ended\./,
    });
  });
});
