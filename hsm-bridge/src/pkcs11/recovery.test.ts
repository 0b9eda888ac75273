import { mkdir, readFile, rename, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogger } from "../log.ts";
import { NSS_MODULE } from "../testing/modules.ts";
import {
  isWithoutHsm,
  type PreparedToken,
  prepareNssToken,
  prepareToken,
  silentLogger,
} from "../testing/stores.ts";
import { openPkcs11Store, type Pkcs11Store } from "./pkcs11-store.ts";

const aad = Buffer.from("aad");
const codeOf = (error: { code: string }) => error.code;

const modules = [
  { module: "SoftHSM", prepare: prepareToken },
  ...(NSS_MODULE === null ? [] : [{ module: "NSS", prepare: prepareNssToken }]),
];

describe.skipIf(isWithoutHsm).each(modules)("PKCS#11 process with $module", (tokens) => {
  let prepared: PreparedToken;
  let store: Pkcs11Store;
  const lines: string[] = [];

  beforeAll(async () => {
    prepared = await tokens.prepare();
    const write = (line: string) => lines.push(line);
    const logger = createLogger(write, write);
    store = await openPkcs11Store({ ...prepared.settings, logger });
    await store.generateAesKey("k1");
    await store.prove("k1");
    await store.generatePair("pair", "p-256-sign");
  }, 30_000);
  afterAll(async () => {
    await store?.close();
    await prepared?.remove();
  });

  const text = (opened: Uint8Array) => Buffer.from(opened).toString();
  const state = () => store.tokens[0]?.state;
  const linesOf = (message: string) => lines.filter((line) => line.includes(message)).length;

  it("is replaced after kill -9, and answers the reads that were under way", async () => {
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("before"), aad);
    await store.generatePair("rsa", "rsa-2048-decrypt");
    const firstPid = store.workerPid as number;
    const reads = Array.from({ length: 50 }, () => store.aesGcmDecrypt("k1", sealed, aad));
    const signatures = Array.from({ length: 10 }, () =>
      store.sign("pair", "ecdsa", Buffer.alloc(32, 1)),
    );
    const random = store.random(32);
    const refusal = store.rsaDecrypt("rsa", "oaep-sha1", Buffer.alloc(256, 1)).catch(codeOf);
    process.kill(firstPid, "SIGKILL");
    expect((await Promise.all(reads)).map(text)).toEqual(reads.map(() => "before"));
    for (const signature of await Promise.all(signatures)) expect(signature).toHaveLength(64);
    expect(await random).toHaveLength(32);
    expect(await refusal).toBe("corrupt");
    expect(store.workerPid).not.toBe(firstPid);
    expect(state()).toBe("closed");
  }, 20_000);

  it("serves again after a key was destroyed under which it was wrapping", async () => {
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("before"), aad);
    await store.generateAesKey("short-lived");
    const wrapping = Array.from({ length: 10 }, () =>
      store.aesGcmEncrypt("short-lived", Buffer.from("x"), aad),
    );
    const destroying = store.destroyKey("short-lived");
    await Promise.allSettled(wrapping);
    expect(await destroying).toBe(true);
    process.kill(store.workerPid as number, "SIGKILL");
    expect(await store.aesGcmDecrypt("k1", sealed, aad).then(text)).toBe("before");
    expect(state()).toBe("closed");
  }, 20_000);

  it("makes nothing twice: creations under way fail, and what they made is there or not", async () => {
    const making = [
      store.generateAesKey("once"),
      store.generatePair("once-pair", "rsa-2048-sign"),
      store.importAesKey("once-imported", Buffer.alloc(32, 1)),
    ];
    process.kill(store.workerPid as number, "SIGKILL");
    for (const result of await Promise.allSettled(making)) {
      if (result.status === "fulfilled") continue;
      expect(result.reason).toMatchObject({ code: "hsm-unavailable" });
    }
    const ids = (await store.listObjects()).map(({ id }) => id).filter((id) => id !== null);
    expect(new Set(ids).size).toBe(ids.length);
  }, 20_000);

  it("kills a process that hangs, after the deadline of a call, and serves again", async () => {
    const hung = await openPkcs11Store({
      ...prepared.settings,
      deadlineMs: 1_000,
      logger: silentLogger,
    });
    try {
      const sealed = await hung.aesGcmEncrypt("k1", Buffer.from("before"), aad);
      const hungPid = hung.workerPid as number;
      process.kill(hungPid, "SIGSTOP");
      const signing = hung.sign("pair", "ecdsa", Buffer.alloc(32, 1)).catch(codeOf);
      expect(await hung.aesGcmDecrypt("k1", sealed, aad).catch(codeOf)).toBe("hsm-unavailable");
      expect(await signing).toBe("hsm-unavailable");
      const again = () => hung.aesGcmDecrypt("k1", sealed, aad).then(text, codeOf);
      await expect.poll(again, { timeout: 15_000 }).toBe("before");
      expect(hung.workerPid).not.toBe(hungPid);
    } finally {
      await hung.close();
    }
  }, 30_000);

  // One module is enough for what is this side's; and NSS keeps its files open, and goes on with them wherever they are.
  const itOnSoftHsm = it.skipIf(tokens.prepare !== prepareToken);
  itOnSoftHsm(
    "does not take a long queue for a token that hangs",
    async () => {
      const slow = await openPkcs11Store({
        ...prepared.settings,
        maxSessions: 2,
        deadlineMs: 1_000,
        logger: silentLogger,
      });
      try {
        const { workerPid } = slow;
        const made = Array.from({ length: 400 }, (_, i) =>
          slow.generatePair(`queued-${i}`, "rsa-2048-sign").then(() => "made", codeOf),
        );
        // Pairs have a deadline of their own, so that these fill the process; a read behind them is given up on.
        expect(await slow.random(8).catch(codeOf)).toBe("hsm-unavailable");
        expect(slow.workerPid).toBe(workerPid);
        expect(slow.tokens[0]?.state).toBe("closed");
        await slow.close();
        expect(new Set(await Promise.all(made))).toEqual(new Set(["made", "hsm-unavailable"]));
      } finally {
        await slow.close();
      }
    },
    30_000,
  );

  itOnSoftHsm(
    "opens the circuit while the token is gone, and serves again when it is back",
    async () => {
      const directory = join(dirname(prepared.settings.env?.SOFTHSM2_CONF ?? ""), "tokens");
      const sealed = await store.aesGcmEncrypt("k1", Buffer.from("before"), aad);
      const opens = () => store.aesGcmDecrypt("k1", sealed, aad).then(text, codeOf);
      const signs = () =>
        store.sign("pair", "ecdsa", Buffer.alloc(32, 1)).then(({ length }) => length, codeOf);
      lines.length = 0;
      await rename(directory, `${directory}-away`);
      await mkdir(directory);
      await expect
        .poll(async () => [await opens(), await signs(), state()], { timeout: 10_000, interval: 5 })
        .toEqual(["hsm-unavailable", "hsm-unavailable", "open"]);
      expect(store.tokens[0]?.reason).toMatch(/No token with the label/);
      expect(await store.generateAesKey("refused").catch(codeOf)).toBe("hsm-unavailable");
      const firstOutage = linesOf("out of service");
      await expect.poll(state, { timeout: 10_000 }).toBe("half-open");
      await expect.poll(state, { timeout: 10_000 }).toBe("open");
      // A reason is told once, however many attempts fail with it.
      expect(linesOf("out of service")).toBe(firstOutage);
      await rmdir(directory);
      await rename(`${directory}-away`, directory);
      await expect.poll(opens, { timeout: 15_000 }).toBe("before");
      expect(await signs()).toBe(64);
      expect(state()).toBe("closed");
      expect(linesOf("in service again")).toBe(1);
      expect((await store.listObjects()).map(({ id }) => id)).not.toContain("refused");
    },
    40_000,
  );

  it("keeps every acknowledged key over kill -9 in the middle of making keys", async () => {
    const acknowledged: string[] = [];
    // One that fails may be made or not: SoftHSM answers CKR_GENERAL_ERROR where it meets a file that a death left half written.
    const make = (id: string): Promise<unknown> =>
      store.generateAesKey(id).then(() => acknowledged.push(id), codeOf);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) await make(`r${round}-${i}`);
      const making = Array.from({ length: 8 }, (_, i) => make(`r${round}-late-${i}`));
      await making[0];
      process.kill(store.workerPid as number, "SIGKILL");
      await Promise.allSettled(making);
      await expect
        .poll(() => store.random(1).then((bytes) => bytes.length), { timeout: 10_000 })
        .toBe(1);
    }
    const present = new Set((await store.listObjects()).map(({ id }) => id));
    expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(10);
  }, 40_000);

  it("says in one sentence why a token cannot be opened", async () => {
    const open = (changes: object): Promise<unknown> =>
      openPkcs11Store({ ...prepared.settings, logger: silentLogger, ...changes });
    await expect(open({ pin: "wrong pin" })).rejects.toThrow(/CKR_PIN_INCORRECT/);
    await expect(open({ tokenLabel: "no such" })).rejects.toThrow(
      /No token with the label "no such"/,
    );
    await expect(open({ modulePath: "/nowhere/lib.so" })).rejects.toThrow(/cannot be loaded/);
  }, 20_000);

  it("has not the PIN in its arguments or environment", async () => {
    const pid = store.workerPid as number;
    for (const file of ["cmdline", "environ"]) {
      expect(await readFile(`/proc/${pid}/${file}`, "latin1")).not.toContain(prepared.settings.pin);
    }
  });
});
