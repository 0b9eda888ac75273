import { describe, expect, test } from "vitest";
import { CROSSOVER_BYTES, dispatchGcmKey, dispatchSuiteKey, type Runtime } from "../src/index.ts";
import { BUILDS, coreOf } from "./support/builds.ts";
import { Random } from "./support/random.ts";

const RUNTIMES = Object.keys(CROSSOVER_BYTES) as Runtime[];
const cases = BUILDS.flatMap((build) => RUNTIMES.map((runtime) => [build, runtime] as const));
const { subtle } = globalThis.crypto;

/** crypto.subtle, counting what it is asked to do. */
function counted() {
  const calls = { count: 0 };
  const spy: typeof subtle = new Proxy(subtle, {
    get(target, name: "encrypt" | "decrypt") {
      return (...args: Parameters<typeof target.encrypt>) => {
        if (name === "encrypt" || name === "decrypt") calls.count++;
        return target[name](...args);
      };
    },
  });
  return { spy, calls };
}

describe.each(cases)("dispatch, %s build, %s crossovers", (build, runtime) => {
  const core = coreOf(build);
  const random = new Random("dispatch");

  test("GCM gives the same bytes on both sides of the crossover", async () => {
    const raw = random.bytes(32);
    const { spy, calls } = counted();
    const key = await dispatchGcmKey(core, spy, runtime, raw);
    const here = core.gcmKey("AES", raw);
    const crossover = CROSSOVER_BYTES[runtime].cachedKey;
    for (const length of [0, crossover - 1, crossover, crossover + 17]) {
      const [nonce, aad, plaintext] = [random.bytes(12), random.bytes(33), random.bytes(length)];
      calls.count = 0;
      const sealed = await key.encrypt(nonce, aad, plaintext);
      expect(Buffer.compare(sealed, here.encrypt(nonce, aad, plaintext))).toBe(0);
      expect(await key.decrypt(nonce, aad, sealed)).toEqual(plaintext);
      sealed[0] = (sealed[0] ?? 0) ^ 1;
      expect(await key.decrypt(nonce, aad, sealed)).toBeNull();
      expect(calls.count).toBe(length >= crossover ? 3 : 0);
    }
    key.release();
    const late = key.encrypt(random.bytes(12), random.bytes(0), random.bytes(crossover));
    await expect(late).rejects.toMatchObject({ code: "HandleReleased" });
    here.release();
  });

  test("suite 1 gives the same bytes, and refuses a wrong commitment on both sides", async () => {
    const raw = random.bytes(32);
    const { spy, calls } = counted();
    const key = dispatchSuiteKey(core, spy, runtime, raw);
    const here = core.suiteKey(1, raw);
    const crossover = CROSSOVER_BYTES[runtime].derivedKey;
    for (const length of [0, crossover - 1, crossover, crossover + 17]) {
      const [nonce, aad, plaintext] = [random.bytes(24), random.bytes(33), random.bytes(length)];
      calls.count = 0;
      const sealed = await key.encrypt(nonce, aad, plaintext);
      const expected = here.encrypt(nonce, aad, plaintext);
      expect(Buffer.compare(sealed.ciphertext, expected.ciphertext)).toBe(0);
      expect(sealed.commitment).toEqual(expected.commitment);
      const open = () => key.decrypt(nonce, aad, sealed.commitment, sealed.ciphertext);
      expect(Buffer.compare((await open()) ?? random.bytes(1), plaintext)).toBe(0);
      sealed.commitment[31] = (sealed.commitment[31] ?? 0) ^ 1;
      expect(await open()).toBeNull();
      expect(calls.count).toBe(length >= crossover ? 3 : 0);
    }
    key.release();
    here.release();
  });
});
