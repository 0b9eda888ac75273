import { mkdir, readFile, rename, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isWithoutHsm, type PreparedToken, prepareToken, silentLogger } from "../testing/stores.ts";
import { openPkcs11Store, type Pkcs11Store } from "./pkcs11-store.ts";

const aad = Buffer.from("aad");

describe.skipIf(isWithoutHsm)("PKCS#11 process", () => {
  let prepared: PreparedToken;
  let store: Pkcs11Store;

  beforeAll(async () => {
    prepared = await prepareToken();
    store = await prepared.open();
    await store.generateAesKey("k1");
  });
  afterAll(async () => {
    await store?.close();
    await prepared?.remove();
  });

  it("is replaced after kill -9: pending calls fail as unavailable, later ones work", async () => {
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("before"), aad);
    const firstPid = store.workerPid as number;
    const pending = Array.from({ length: 50 }, () => store.aesGcmDecrypt("k1", sealed, aad));
    process.kill(firstPid, "SIGKILL");
    for (const result of await Promise.allSettled(pending)) {
      if (result.status === "rejected") {
        expect(result.reason).toMatchObject({ code: "hsm-unavailable" });
      }
    }
    await expect
      .poll(
        () =>
          store.aesGcmDecrypt("k1", sealed, aad).then((opened) => Buffer.from(opened).toString()),
        { timeout: 5_000 },
      )
      .toBe("before");
    expect(store.workerPid).not.toBe(firstPid);
  });

  it("serves again when a token that was gone is back", async () => {
    const tokens = join(dirname(prepared.settings.env?.SOFTHSM2_CONF ?? ""), "tokens");
    const sealed = await store.aesGcmEncrypt("k1", Buffer.from("before"), aad);
    const opens = () =>
      store.aesGcmDecrypt("k1", sealed, aad).then(
        (opened) => Buffer.from(opened).toString(),
        (error: { code: string }) => error.code,
      );
    await rename(tokens, `${tokens}-away`);
    await mkdir(tokens);
    await expect.poll(opens, { timeout: 5_000 }).toBe("hsm-unavailable");
    expect(await opens()).toBe("hsm-unavailable");
    await rmdir(tokens);
    await rename(`${tokens}-away`, tokens);
    await expect.poll(opens, { timeout: 10_000 }).toBe("before");
  });

  it("keeps every acknowledged key over kill -9 in the middle of making keys", async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const making = (async () => {
        for (let i = 0; ; i++) {
          await store.generateAesKey(`r${round}-${i}`);
          acknowledged.push(`r${round}-${i}`);
          if (i === 4) process.kill(store.workerPid as number, "SIGKILL");
        }
      })();
      await expect(making).rejects.toMatchObject({ code: "hsm-unavailable" });
      await expect
        .poll(() => store.random(1).then((bytes) => bytes.length), { timeout: 5_000 })
        .toBe(1);
    }
    const present = new Set((await store.listObjects()).map(({ id }) => id));
    expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(15);
  });

  it("says in one sentence why a token cannot be opened", async () => {
    const open = (changes: object): Promise<unknown> =>
      openPkcs11Store({ ...prepared.settings, logger: silentLogger, ...changes });
    await expect(open({ pin: "wrong pin" })).rejects.toThrow(/CKR_PIN_INCORRECT/);
    await expect(open({ tokenLabel: "no such" })).rejects.toThrow(
      /No token with the label "no such"/,
    );
    await expect(open({ modulePath: "/nowhere/lib.so" })).rejects.toThrow(/cannot be loaded/);
  });

  it("has not the PIN in its arguments or environment", async () => {
    const pid = store.workerPid as number;
    for (const file of ["cmdline", "environ"]) {
      expect(await readFile(`/proc/${pid}/${file}`, "latin1")).not.toContain(prepared.settings.pin);
    }
  });
});
